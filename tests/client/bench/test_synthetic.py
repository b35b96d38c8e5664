"""Molecules made up for a load."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.client.bench.synthetic import FEWEST_ATOMS, MOST_ATOMS, synthetic


def test_sizes_are_those_of_qm9() -> None:
    """Molecules have 9 to 29 atoms, about 18 on average."""
    sizes = np.array([len(one) for one in synthetic(["H", "C", "N", "O", "F"], 300)])
    assert sizes.min() >= FEWEST_ATOMS
    assert sizes.max() <= MOST_ATOMS
    assert sizes.mean() == pytest.approx(18.0, abs=1.0)


@pytest.mark.parametrize(
    ("elements", "used"),
    [(["H", "C", "F"], {1, 6}), (["Na", "Cl"], {11, 17}), (["H"], {1})],
    ids=["common ones alone", "no common one", "hydrogen alone"],
)
def test_elements_are_those_that_the_model_knows(elements: list[str], used: set[int]) -> None:
    """Common elements are preferred, and others are taken where a model knows none of them."""
    numbers = np.concatenate([one.numbers for one in synthetic(elements, 50)])
    assert set(numbers.tolist()) == used


def test_atoms_keep_apart() -> None:
    """No two atoms are closer than they come in molecules, so that no load is one of warnings."""
    for one in synthetic(["H", "C", "N", "O"], 100):
        gaps = np.linalg.norm(one.positions[:, None] - one.positions, axis=2)
        assert gaps[np.triu_indices(len(one), 1)].min() > 0.9


def test_the_same_seed_gives_the_same_molecules() -> None:
    """Two runs ask about the same, and another seed about something else."""
    first, again, other = (synthetic(["H", "C"], 3, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(one.positions, two.positions) for one, two in zip(first, again, strict=True))
    assert not np.array_equal(first[0].positions[1:3], other[0].positions[1:3])
