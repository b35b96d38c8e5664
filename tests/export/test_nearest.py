"""`atomlens.export.nearest`, against distances of ASE."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk, molecule

from atomlens.export.nearest import Nearest
from atomlens.server.structures import Structures


def structures(*names: str, scale: float = 1.0) -> Structures:
    """Return molecules by name, larger than they are."""
    made = [molecule(name) for name in names]  # type: ignore[no-untyped-call]
    positions = np.concatenate([atoms.positions for atoms in made]) * scale
    return Structures.molecules(
        list(map(len, made)), np.concatenate([atoms.numbers for atoms in made]), positions
    )


def test_nearest_atoms_of_molecules() -> None:
    """The least of all distances within the molecule; who is alone has none."""
    many = structures("CH3OH", "H", "H2O")
    nearest = Nearest.of(many)
    distances = molecule("CH3OH").get_all_distances() + 99 * np.eye(6)  # type: ignore[no-untyped-call]
    np.testing.assert_allclose(nearest.distances[:6], distances.min(1))
    np.testing.assert_allclose(distances[np.arange(6), nearest.partners[:6]], distances.min(1))
    assert nearest.distances[6] == np.inf
    assert nearest.partners[8] == 7  # hydrogen's oxygen, counted from the first atom of all


def test_images_are_neighbors() -> None:
    """The nearest of a primitive cell's only atom is its own image."""
    copper = bulk("Cu")
    one = Structures(
        np.array([1]),
        np.array([29]),
        np.zeros((1, 3)),
        copper.cell.array[None],
        np.ones((1, 3), bool),
        np.zeros(1),
        np.zeros(1, int),
    )
    nearest = Nearest.of(one)
    assert (nearest.distances[0], nearest.partners[0]) == (pytest.approx(3.61 / np.sqrt(2)), 0)


def test_ratios_compare_like_with_like() -> None:
    """A structure's bonds over the usual bonds of the same elements: 1, or the factor it is too large by."""
    many = Structures.concatenate(
        [structures(*["CH3OH", "C2H6", "H2O"] * 5), structures("CH3OH", "H", scale=1.5)]
    )
    ratios = Nearest.of(many).ratios(many)
    np.testing.assert_allclose(ratios[:15], 1.0, atol=0.02)
    assert ratios[15] == pytest.approx(1.5, abs=0.03)
    assert np.isnan(ratios[16])
