"""`atomlens.server.lattice`."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import vesin

from atomlens.server.lattice import is_small, lattice_pairs, reach_of_images
from atomlens.server.structures import Floats, Integers

CUTOFF = 5.0
CELLS = {
    "cube": 4.0 * np.eye(3),
    "needle": np.diag([0.7, 9.0, 30.0]),
    "skewed": np.array([[3.0, 0.0, 0.0], [2.6, 1.9, 0.0], [-1.2, 1.5, 3.3]]),
    "left-handed": np.array([[0.0, 0.0, 5.1], [0.3, 6.0, 0.0], [4.2, 0.0, 0.4]]),
    "wide": np.array([[14.0, 0.0, 0.0], [1.0, 13.0, 0.0], [-2.0, 3.0, 15.0]]),
}


def found(positions: Floats, cell: Floats, pbc: tuple[bool, ...]) -> Integers:
    """Return rows of i, j and whole lattice vectors: (pairs, 5)."""
    repeats = np.array(pbc)
    i, j, images = lattice_pairs(positions, cell, repeats, CUTOFF, reach_of_images(cell, repeats, CUTOFF))
    return np.column_stack([i, j, images])


@pytest.mark.parametrize("pbc", list(product([False, True], repeat=3)), ids=str)
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_small_crystals_have_the_pairs_that_another_library_finds(
    cell: Floats, pbc: tuple[bool, ...], rng: np.random.Generator
) -> None:
    """In cells of any shape, with atoms outside of them, along any directions, sorted by the first atom."""
    positions = rng.uniform(-1, 2, (7, 3)) @ cell
    finder = vesin.NeighborList(cutoff=CUTOFF, full_list=True)
    i, j, images = finder.compute(points=positions, box=cell, periodic=np.array(pbc), quantities="ijS")
    expected = np.column_stack([i, j, images]).astype(np.int64)
    pairs = found(positions, cell, pbc)
    assert (np.diff(pairs[:, 0]) >= 0).all()
    assert np.array_equal(pairs[np.lexsort(pairs.T)], expected[np.lexsort(expected.T)])


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_who_feels_an_atom_is_felt_by_it(cell: Floats, rng: np.random.Generator) -> None:
    """The pairs of j with i are those of i with j, the other way round."""
    positions = rng.uniform(-1, 2, (6, 3)) @ cell
    pairs = found(positions, cell, (True, True, True))
    turned = np.column_stack([pairs[:, 1], pairs[:, 0], -pairs[:, 2:]])
    assert np.array_equal(pairs[np.lexsort(pairs.T)], turned[np.lexsort(turned.T)])


def test_what_is_looked_at_together_is_bounded() -> None:
    """By atoms and by images: those of a thin cell are many, however few its atoms are."""
    periodic = np.ones(3, np.bool_)
    assert is_small(140, reach_of_images(8.0 * np.eye(3), periodic, CUTOFF))
    assert not is_small(160, reach_of_images(8.0 * np.eye(3), periodic, CUTOFF))
    assert not is_small(1, reach_of_images(np.diag([1e-9, 1e-9, 1e-9]), periodic, CUTOFF))
    assert is_small(1, reach_of_images(np.diag([0.3, 4.0, 4.0]), periodic, CUTOFF))
