"""`atomlens.client.study.errors`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from atomlens.client import Client
from atomlens.client.study.answers import ask
from atomlens.client.study.errors import error_section, error_table, measure_errors, other_unit
from atomlens.client.study.labels import Label
from atomlens.client.study.sample import take_samples

from .conftest import arrays, table


def test_errors_are_those_of_the_structures_with_label_and_answer(local: Client, tmp_path: Path) -> None:
    """A label that is missing and a structure that failed are left out, not counted as zero."""
    fields = arrays()
    first = int(fields["n_atoms"][fields["split"] == 0].sum())
    fields["numbers"][first] = 14  # the first of the test part cannot be explained
    (sample,) = take_samples([table(tmp_path / "a.npz", fields)], 100)
    (answers,) = ask(local, local.model("toy-schnet-energy"), sample, print).answers
    wrong = np.array([9.0, 1.0, -2.0, np.nan, 0.5, 0.5])
    label = Label("energy", "u0_eV", answers.properties - wrong)
    label.values[0] = 0.0
    errors = measure_errors(answers, label)
    assert (errors.structures, errors.label, errors.unit) == (4, "u0_eV", "eV")
    assert errors.mae == pytest.approx((1.0 + 2.0 + 0.5 + 0.5) / 4)
    assert errors.rmse == pytest.approx(np.sqrt((1.0 + 4.0 + 0.25 + 0.25) / 4))
    assert errors.bias == pytest.approx(0.0)
    assert errors.median == pytest.approx(0.75)
    assert errors.largest == pytest.approx(2.0)
    assert errors.on_card == next(one.mae for one in answers.card.errors if one.split == "test")
    assert error_table([errors]).rows[0][:3] == ("toy-schnet-energy@1", "u0_eV", "1.00 eV")
    section = error_section([(answers, label)])
    assert section.numbers[0]["mae"] == errors.mae
    assert section.drawings[0].svg.startswith("<svg")


def test_the_units_of_the_literature_are_told() -> None:
    """Dipoles in debye, extents in square Bohr."""
    assert other_unit(1.0, "e·Å") == " (4.80 D)"
    assert other_unit(0.28002852, "Å²") == " (1.00 a0²)"
    assert other_unit(1.0, "eV") == ""
