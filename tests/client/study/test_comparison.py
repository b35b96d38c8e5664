"""`atomlens.client.study.comparison`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from atomlens.client import Client
from atomlens.client.study.answers import ask
from atomlens.client.study.comparison import agreement_table, agreements, comparison_section
from atomlens.client.study.sample import take_samples

from .conftest import arrays, table


def test_agreement_is_told_over_all_atoms_and_each_element() -> None:
    """Values that one of the two lacks are left out, and so are elements with less than three atoms."""
    numbers = np.array([1, 1, 1, 1, 6, 6, 6, 8, 8])
    first = np.array([1.0, 2.0, 3.0, np.nan, 5.0, 6.0, 7.0, 0.0, 1.0])
    second = np.array([1.0, 2.5, 2.0, 9.0, 7.0, 6.0, 5.0, 3.0, 4.0])
    rows = list(agreements(("a", "b"), "file", "all", "e", numbers, (first, second)))
    assert [(row.atoms_of, row.atoms) for row in rows] == [("all", 8), ("H", 3), ("C", 3)]
    known = np.isfinite(first)
    assert rows[0].spearman == pytest.approx(stats.spearmanr(first[known], second[known]).statistic)
    assert rows[0].pearson == pytest.approx(stats.pearsonr(first[known], second[known]).statistic)
    assert rows[2].spearman == pytest.approx(-1.0)
    assert rows[1].difference == pytest.approx(0.5)
    assert agreement_table(rows).rows[2][:4] == ("a", "b", "all of file", "C")


def test_models_of_one_head_and_sample_are_compared(local: Client, tmp_path: Path) -> None:
    """Energies are not compared with charges; a model alone is compared with nothing."""
    (sample,) = take_samples([table(tmp_path / "a.npz", arrays())], 100)
    names = ("toy-schnet-energy", "toy-bpnn-energy", "toy-schnet-dipole")
    answers = [one for name in names for one in ask(local, local.model(name), sample, print).answers]
    section = comparison_section(answers)
    assert section is not None
    assert {(row["first"], row["second"]) for row in section.numbers} == {
        ("toy-schnet-energy@1", "toy-bpnn-energy@1")
    }
    assert comparison_section(answers[1:]) is None
