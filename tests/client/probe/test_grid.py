"""`atomlens.client.probe.grid`."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from atomlens.client import InputError, Structure
from atomlens.client.probe import Grid

SKEWED = [[0.3, 0.1, 0.0], [0.0, 0.2, -0.1], [0.1, 0.0, 0.4]]
CELL = np.array([[6.0, 0.0, 0.0], [2.0, 5.0, 0.0], [-1.0, 1.0, 7.0]])


def structure(pbc: npt.ArrayLike, cell: npt.NDArray[np.float64] | None = CELL) -> Structure:
    """Return an atom in a skewed cell."""
    return Structure([6], [[0.0, 0.0, 0.0]], cell, pbc)


def test_points_are_in_the_order_of_the_values() -> None:
    """The last index counts fastest."""
    grid = Grid([1.0, 2.0, 3.0], SKEWED, (2, 3, 4))
    expected = [
        np.array(grid.origin) + i * grid.axes[0] + j * grid.axes[1] + k * grid.axes[2]
        for i in range(2)
        for j in range(3)
        for k in range(4)
    ]
    np.testing.assert_allclose(grid.points(), expected, rtol=0, atol=1e-15)
    assert len(grid) == 24


def test_a_part_of_the_points() -> None:
    """Some of the points are bit by bit what they are among all."""
    grid = Grid([0.1, 0.2, 0.3], SKEWED, (5, 6, 7))
    np.testing.assert_array_equal(grid.points(11, 50), grid.points()[11:50])
    np.testing.assert_array_equal(grid.point(208), grid.points()[208])


@pytest.mark.parametrize(
    ("axes", "aligned"),
    [(np.diag([0.1, 0.2, 0.3]), True), (np.diag([0.1, -0.2, 0.3]), False), (SKEWED, False)],
    ids=["forwards", "backwards", "skewed"],
)
def test_alignment(axes: Any, aligned: bool) -> None:
    """Axes are aligned when they lead along x, y and z."""
    assert Grid([0, 0, 0], axes, (2, 2, 2)).is_aligned is aligned


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("origin", [0.0, 0.0], "`origin` must be (3,), got (2,)"),
        ("origin", [0.0, 0.0, np.inf], "`origin` must be finite, got inf"),
        ("origin", "here", "`origin` must be numbers, got <U4"),
        ("axes", [0.1, 0.1, 0.1], "`axes` must be (3, 3), got (3,)"),
        ("axes", np.full((3, 3), np.nan), "`axes` must be finite, got nan"),
        ("axes", np.ones((3, 3)), f"`axes` must span a volume, got {np.ones((3, 3)).tolist()}"),
        ("axes", np.zeros((3, 3)), f"`axes` must span a volume, got {np.zeros((3, 3)).tolist()}"),
        ("axes", 1e200 * np.eye(3), f"`axes` must span a volume, got {(1e200 * np.eye(3)).tolist()}"),
        ("counts", (4, 4), "`counts` must be (3,), got (2,)"),
        ("counts", (4, 0, 4), "`counts` must be whole, from 1 to 2147483647 along each axis, got [4, 0, 4]"),
        (
            "counts",
            (4, 1.5, 4),
            "`counts` must be whole, from 1 to 2147483647 along each axis, got [4.0, 1.5, 4.0]",
        ),
        (
            "counts",
            (4, 4, 2**40),
            f"`counts` must be whole, from 1 to 2147483647 along each axis, got [4, 4, {2**40}]",
        ),
    ],
)
def test_wrong_fields(field: str, value: Any, message: str) -> None:
    """A grid without points or volume is refused at once, by name."""
    correct: dict[str, Any] = {"origin": [0.0] * 3, "axes": SKEWED, "counts": (2, 3, 4)}
    with pytest.raises(InputError) as caught:
        Grid(**(correct | {field: value}))
    assert (str(caught.value), caught.value.field) == (message, field)
    assert caught.value.reason


def test_tiny_axes_are_no_flat_ones() -> None:
    """What counts is the volume beside the lengths, so that fine grids are grids."""
    assert len(Grid([0, 0, 0], np.eye(3) * 1e-8, np.array([3, 3, 3]))) == 27


@pytest.mark.parametrize(
    ("pbc", "closes"),
    [(True, [True, True, True]), ((True, False, True), [True, False, True]), (False, [False] * 3)],
    ids=["crystal", "slab", "molecule"],
)
def test_axes_that_close_on_the_cell(pbc: npt.ArrayLike, closes: list[bool]) -> None:
    """An axis closes where its steps together are a lattice vector that repeats, to rounding."""
    grid = Grid([0.1, 0.2, 0.3], CELL / np.array([[7], [11], [13]]), (7, 11, 13))
    assert grid.closes(structure(pbc)).tolist() == closes


@pytest.mark.parametrize(
    ("spans", "closes"),
    [
        (CELL * 1.0001, [False] * 3),
        (CELL * [[2], [1], [3]], [True] * 3),
        ([CELL[0] + CELL[1], CELL[2], -CELL[0]], [True] * 3),
        ([CELL[0] / 2, CELL[1], CELL[2]], [False, True, True]),
    ],
    ids=["longer", "cells", "diagonal", "half"],
)
def test_what_closes(spans: Any, closes: list[bool]) -> None:
    """Several vectors of the lattice close as one does; parts of one do not."""
    grid = Grid([0.0, 0.0, 0.0], np.array(spans) / 9, (9, 9, 9))
    assert grid.closes(structure(True)).tolist() == closes


def test_nothing_closes_without_a_cell() -> None:
    """Around a molecule no axis closes."""
    assert not Grid([0, 0, 0], np.eye(3), (2, 2, 2)).closes(structure(False, None)).any()


def test_a_cell_may_lack_what_does_not_repeat() -> None:
    """The lattice vectors of a slab are two; where the third should be there may be nothing."""
    cell = CELL * [[1], [1], [0]]
    grid = Grid([0, 0, 0], [CELL[0] / 4, CELL[1] / 4, [0, 0, 0.3]], (4, 4, 9))
    assert grid.closes(structure((True, True, False), cell)).tolist() == [True, True, False]


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies(duplicate: Any) -> None:
    """A copy is the same grid and as unchangeable."""
    grid = Grid([0.0, 0.1, 0.2], SKEWED, (2, 3, 4))
    found = duplicate(grid)
    assert repr(found) == repr(grid)
    with pytest.raises(ValueError, match="read-only"):
        found.origin[0] = 1.0
