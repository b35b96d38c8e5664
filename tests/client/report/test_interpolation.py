"""Maps on grids between their points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from atomlens.client import Structure
from atomlens.client.probe import Grid
from atomlens.client.report import Surface
from atomlens.client.report.interpolation import interpolated, is_too_coarse

from .conftest import WATER, probe_map

GRID = Grid([-3.5, -3.6, -3.5], np.diag([0.5, 0.45, 0.4]), (15, 17, 18))
CELL = np.array([[3.0, 0.0, 0.0], [0.5, 2.8, 0.0], [0.0, 0.4, 3.2]])


def test_linear_values() -> None:
    """What is linear in space is exact at any point of a grid, also of a skewed one."""
    grid = Grid([-3.5, -3.6, -3.5], CELL / 4, (9, 9, 9))
    points = grid.origin + np.random.default_rng(0).random((50, 3)) * 8 @ grid.axes
    values = interpolated(probe_map(WATER, grid), points).values
    np.testing.assert_allclose(values, [points[:, 2], points[:, 2] / 2 - 1], atol=1e-5)


def test_around_a_cell() -> None:
    """Between the last points of a cell and its end values go on to those of the first points."""
    structure = Structure([11], [[0.1, 0.2, 0.3]], CELL, True)
    grid = Grid([0.0] * 3, CELL / 8, (8, 8, 8))
    found = probe_map(structure, grid)
    steps = np.array([[7.5, 3.0, 2.0], [-0.5, 11.0, 2.0]])
    values, _ = interpolated(found, steps @ grid.axes)
    expected = (found.values[:, 7, 3, 2] + found.values[:, 0, 3, 2]) / 2
    np.testing.assert_allclose(values, np.stack([expected, expected], axis=1), atol=1e-6)


def test_outside_a_grid_nothing_is_known() -> None:
    """Points beyond the last have no value."""
    values, _ = interpolated(probe_map(WATER, GRID), np.array([[0.0, 0.0, 0.2], [9.0, 0.0, 0.0]]))
    np.testing.assert_allclose(values[0], [0.2, np.nan], atol=1e-6)


def test_points_that_extrapolate() -> None:
    """A value is mixed where one of the points that it is made of extrapolates, however far that is."""
    structure = Structure([1], [[0.0] * 3], CELL, True)
    grid = Grid([0.0] * 3, CELL / 8, (8, 8, 8))
    found = replace(probe_map(structure, grid), closest={"H": {"H": 0.0}, "O": {"H": 0.01}})
    assert found.flagged == (0, 1)
    steps = np.array([[0.0, 0.0, 0.0], [0.9, -0.9, 0.9], [7.1, 0.0, 0.0], [1.0, 0.5, 0.0], [7.0, 0.0, 0.0]])
    mixed = interpolated(found, steps @ grid.axes).mixed
    assert mixed.tolist() == [[False] * 5, [True, True, True, False, False]]


@pytest.mark.parametrize(("distance", "step"), [(1.6, 0.085), (2.0, 0.133), (2.5, 0.208)])
def test_the_coarsest_grid(distance: float, step: float) -> None:
    """The nearer a surface is to the atoms, the finer a grid it needs; the longest step counts."""
    assert not is_too_coarse(Grid([0.0] * 3, step * np.eye(3), (2, 2, 2)), Surface(distance))
    assert is_too_coarse(Grid([0.0] * 3, step * np.diag([0.5, 1.01, 0.5]), (2, 2, 2)), Surface(distance))
