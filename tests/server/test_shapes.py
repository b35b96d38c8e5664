"""`atomlens.server.shapes`."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.server.dense_work import MOST_ATOMS, DenseWork
from atomlens.server.shapes import EXACT, ROUNDED, SHAPES, Shapes
from atomlens.server.structures import Structures


def shapes_of(counts: np.ndarray, shapes: Shapes) -> set[tuple[int, int]]:
    """Return the shapes that molecules of these sizes are computed in."""
    one = Structures.molecules(counts, np.ones(counts.sum()), np.zeros((counts.sum(), 3)))
    return {run.numbers.shape for run in DenseWork.of(one, counts).runs(shapes)}


def test_exact_shapes_have_no_empty_molecules_and_no_slot_that_all_leave_empty() -> None:
    """Where any shape will do, nothing is padded but smaller molecules."""
    assert shapes_of(np.array([5, 7, 7]), EXACT) == {(3, 7)}


def test_rounded_shapes_are_few_and_none_is_larger_than_those_made_at_the_start(
    rng: np.random.Generator,
) -> None:
    """Whatever the sizes of molecules and batches: memory kept for each of them is bounded."""
    largest = {slots: molecules for molecules, slots in ROUNDED.largest(MOST_ATOMS)}
    found: set[tuple[int, int]] = set()
    for many in (1, 2, 3, 31, 33, 500, 3000):
        for most in (1, 9, 29, MOST_ATOMS):
            found |= shapes_of(rng.integers(1, most + 1, many), ROUNDED)
    assert all(molecules <= largest[slots] for molecules, slots in found)
    assert all(molecules & (molecules - 1) == 0 for molecules, _ in found)
    assert max(slots for _, slots in found) == MOST_ATOMS


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_the_largest_shapes_keep_the_bound(shapes: Shapes) -> None:
    """There is room for one molecule of any size at least."""
    for molecules, slots in shapes.largest(MOST_ATOMS):
        assert molecules >= 1
        assert molecules * slots**2 <= shapes.pairs
