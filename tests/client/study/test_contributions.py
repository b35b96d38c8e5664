"""`atomlens.client.study.contributions`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from atomlens.client import Client
from atomlens.client.study.answers import Answers, ask
from atomlens.client.study.contributions import contribution_section, distributions
from atomlens.client.study.environments import environments
from atomlens.client.study.perception import perceive_each
from atomlens.client.study.sample import take_samples

from .conftest import arrays, table


@pytest.fixture
def answers(local: Client, tmp_path: Path) -> Answers:
    """Energies of a model."""
    (sample,) = take_samples([table(tmp_path / "a.npz", arrays())], 100)
    (one,) = ask(local, local.model("toy-bpnn-energy"), sample, print).answers
    return one


def test_elements_and_environments_have_distributions(answers: Answers) -> None:
    """The classes of an element hold all its atoms, by hybridisation as by environment."""
    known = environments(perceive_each(answers.sample.structures), answers.sample.counts)
    rows = list(distributions(answers, known))
    for element, number in (("H", 1), ("C", 6), ("O", 8)):
        mine = answers.contributions[answers.sample.numbers == number]
        by = {
            kind: [row.values for row in rows if (row.element, row.by) == (element, kind)]
            for kind in ("element", "hybridisation", "environment")
        }
        (total,) = by["element"]
        assert total.count == len(mine)
        assert total.mean == pytest.approx(mine.mean())
        assert sum(one.count for one in by["hybridisation"]) == total.count
        assert sum(one.count for one in by["environment"]) == total.count


def test_without_environments_elements_remain(answers: Answers) -> None:
    """As for crystals."""
    assert {row.by for row in distributions(answers, None)} == {"element"}
    section = contribution_section([answers], {})
    assert len(section.drawings) == 1


def test_atoms_that_were_not_explained_are_left_out(answers: Answers) -> None:
    """NaN is no contribution."""
    answers.contributions[answers.sample.owners == 0] = np.nan
    total = sum(row.values.count for row in distributions(answers, None))
    assert total == answers.sample.counts[1:].sum()
