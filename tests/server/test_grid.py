"""`atomlens.server.grid`."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import vesin

from atomlens.server.grid import TooManyPairsError, grid_pairs
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
