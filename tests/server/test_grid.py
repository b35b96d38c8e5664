"""`atomlens.server.grid`."""

from __future__ import annotations

import tracemalloc
from itertools import product

import numpy as np
import pytest
import vesin

from atomlens.server.grid import TooManyPairsError, grid_pairs, images_near, lattice_steps
from atomlens.server.structures import Floats

CUTOFF = 5.0
MOLECULE = np.zeros(3, np.bool_)
CRYSTAL = np.ones(3, np.bool_)


def double_loop(positions: Floats) -> set[tuple[int, int]]:
    """Return the pairs of a molecule, row by row of all distances."""
    found = set()
    for i, position in enumerate(positions):
        near = np.flatnonzero(np.linalg.norm(positions - position, axis=1) < CUTOFF)
        found |= {(i, int(j)) for j in near if j != i}
    return found


@pytest.mark.parametrize(
    "shape",
    [[1e6, 1.0, 1.0], [1e6, 1e6, 1e6], [1.0, 3e4, 3e4], [30.0, 30.0, 30.0]],
    ids=["needle", "gas", "sheet", "drop"],
)
def test_atoms_may_be_spread_in_any_way(shape: list[float], rng: np.random.Generator) -> None:
    """Neither needles nor outliers break the grid, or fill memory with empty boxes."""
    positions = np.concatenate(
        [rng.uniform(-1, 1, (700, 3)) * shape, rng.uniform(-8, 8, (300, 3)), [[1e6, -1e6, 1e6]]]
    )
    i, j, _ = grid_pairs(positions, np.eye(3), MOLECULE, CUTOFF, 10**6)
    assert len(i) == len(set(zip(i.tolist(), j.tolist(), strict=True)))
    assert set(zip(i.tolist(), j.tolist(), strict=True)) == double_loop(positions)


def test_the_cell_may_be_as_skewed_as_it_likes(rng: np.random.Generator) -> None:
    """Another basis of the same lattice gives the same distances."""
    cell = np.diag([6.0, 7.0, 8.0])
    skewed = np.array([[1, 0, 0], [9, 1, 0], [-4, 7, 1]]) @ cell
    positions = rng.uniform(0, 6, (5, 3))
    lengths = []
    for basis in (cell, skewed):
        i, j, images = grid_pairs(positions, basis, CRYSTAL, CUTOFF, 10**6)
        lengths.append(np.sort(np.linalg.norm(positions[j] + images @ basis - positions[i], axis=1)))
    assert np.allclose(lengths[0], lengths[1], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "pbc", [MOLECULE, CRYSTAL, np.array([True, True, False])], ids=["drop", "bulk", "slab"]
)
def test_large_systems_have_the_pairs_that_another_library_finds(
    pbc: np.ndarray[tuple[int], np.dtype[np.bool_]], rng: np.random.Generator
) -> None:
    """Ten thousand atoms, too many for a double loop, have the pairs and images that vesin finds."""
    cell = np.array([[46.0, 0.0, 0.0], [9.0, 45.0, 0.0], [-7.0, 5.0, 47.0]])
    positions = rng.uniform(0, 1, (10_000, 3)) @ cell
    finder = vesin.NeighborList(cutoff=CUTOFF, full_list=True)
    i, j, images = finder.compute(points=positions, box=cell, periodic=pbc, quantities="ijS")
    expected = np.column_stack([i, j, images]).astype(np.int64)
    found = np.column_stack(grid_pairs(positions, cell, pbc, CUTOFF, 10**6))
    assert len(found) > 300_000
    assert np.array_equal(found[np.lexsort(found.T)], expected[np.lexsort(expected.T)])


@pytest.mark.parametrize(
    ("atoms", "extent", "cell"),
    [
        (100_000, 1.0, None),
        (100_000, 30.0, None),
        (1, 0.0, [0.01, 0.01, 0.01]),
        (1, 0.0, [1e-9, 100.0, 100.0]),
        (2_000, 2.0, [1e6, 1e6, 0.1]),
    ],
    ids=["clump", "dense", "tiny cell", "thin cell", "clump in a thin cell"],
)
def test_what_is_too_much_is_refused_before_it_is_found(
    atoms: int, extent: float, cell: list[float] | None, rng: np.random.Generator
) -> None:
    """Memory is bounded by the most pairs asked for, not by those that there are."""
    positions = rng.uniform(-extent, extent, (atoms, 3))
    tracemalloc.start()
    with pytest.raises(TooManyPairsError):
        grid_pairs(
            positions, np.diag(cell or [1.0, 1.0, 1.0]), CRYSTAL if cell else MOLECULE, CUTOFF, 1_000_000
        )
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 200e6


SHEARED = np.array([[5.0, 0.0, 0.0], [7.5, 4.0, 0.0], [-11.0, 0.8, 4.5]])


@pytest.mark.parametrize(
    "pbc",
    [MOLECULE, CRYSTAL, np.array([True, False, True]), np.array([False, True, False])],
    ids=["drop", "bulk", "slab", "wire"],
)
@pytest.mark.parametrize("whole_cell", [False, True], ids=["box", "cell"])
def test_images_are_all_that_a_point_of_the_box_may_feel(
    whole_cell: bool, pbc: np.ndarray[tuple[int], np.dtype[np.bool_]], rng: np.random.Generator
) -> None:
    """Each once, atoms first, where the atom and the lattice vectors put it."""
    positions = rng.uniform(-9, 9, (5, 3))
    images = images_near(positions, SHEARED, pbc, CUTOFF, 10**6, whole_cell)
    assert images.atoms[:5].tolist() == [0, 1, 2, 3, 4]
    assert np.abs(images.points - positions[images.atoms] - images.cells @ SHEARED).max() < 1e-12
    rows = np.column_stack([images.atoms, images.cells])
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert not images.cells[:, ~pbc].any()
    scaled = images.points[:5] @ np.linalg.inv(SHEARED)
    assert ((scaled > -1e-9) & (scaled < 1))[:, pbc].all()

    low, high = (np.zeros(3), np.ones(3)) if whole_cell else (scaled.min(0), scaled.max(0))
    low, high = np.where(pbc, low, scaled.min(0)), np.where(pbc, high, scaled.max(0))
    points = rng.uniform(low, high, (300, 3)) @ SHEARED
    moves = np.array(list(product(*(range(-14, 15) if repeats else range(1) for repeats in pbc)))) @ SHEARED
    for point in points:
        expected = [
            distance
            for position in positions
            for distance in np.linalg.norm(position + moves - point, axis=1)
            if distance < CUTOFF
        ]
        found = np.linalg.norm(images.points - point, axis=1)
        assert np.allclose(np.sort(found[found < CUTOFF]), np.sort(expected), rtol=0, atol=1e-9)


def test_more_images_than_asked_for_are_refused() -> None:
    """Of ten atoms on one place in a cell a little smaller than the cutoff there are 270."""
    positions = np.zeros((10, 3))
    assert len(images_near(positions, np.eye(3) * 4.0, CRYSTAL, CUTOFF, 1000).atoms) == 270
    with pytest.raises(TooManyPairsError):
        images_near(positions, np.eye(3) * 4.0, CRYSTAL, CUTOFF, 269)


def test_what_rounding_put_below_a_face_is_on_it() -> None:
    """Along what repeats; elsewhere nothing is moved."""
    scaled = np.array([[-1e-12, 1 - 1e-12, 0.5], [2.0, -1.5, -1e-6], [1e5 - 1e-11, 0.0, 7.9]])
    assert lattice_steps(scaled, CRYSTAL).tolist() == [[0, 1, 0], [2, -2, -1], [1e5, 0, 7]]
    assert lattice_steps(scaled, np.array([True, False, False])).tolist() == [
        [0, 0, 0],
        [2, 0, 0],
        [1e5, 0, 0],
    ]
