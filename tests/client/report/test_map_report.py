"""Reports of maps that are there already."""

from __future__ import annotations

import numpy as np

from atomlens.client import Structure
from atomlens.client.probe import Grid
from atomlens.client.report import map_page, map_report, surface_page, surface_report
from atomlens.client.report.map_report import INTERPOLATED, interpolated

from .conftest import SALT, WATER, explanation_of, probe_map, surface_map

GRID = Grid([-3.5, -3.6, -3.5], np.diag([0.5, 0.45, 0.4]), (15, 17, 18))


def test_a_map_on_a_grid() -> None:
    """It gets the usual surfaces with interpolated values, which is said."""
    found = probe_map(WATER, GRID)
    report = map_report(found, explanation_of(WATER))
    assert [str(one.surface) for one in report.surfaces] == ["distance:1.6", "distance:2", "distance:2.5"]
    for one in report.surfaces:
        np.testing.assert_allclose(one.map.values[0], one.mesh.vertices[:, 2], atol=1e-5)
    assert report.notes == (INTERPOLATED,)
    assert report.maps == (found,)
    assert report.explanation is not None


def test_a_grid_that_is_too_small() -> None:
    """Of surfaces that leave the grid the part inside is shown, and none of those outside."""
    half = Grid([-1.0, -3.6, -3.5], GRID.axes, (3, 17, 18))
    for one in map_report(probe_map(WATER, half)).surfaces:
        assert np.abs(one.mesh.vertices[:, 0]).max() <= 1.0
        assert one.mesh.faces.max() < len(one.mesh)
        np.testing.assert_allclose(one.map.values[0], one.mesh.vertices[:, 2], atol=1e-5)
    inside = Grid([-0.1, -0.1, -0.1], 0.1 * np.eye(3), (3, 3, 3))
    assert map_report(probe_map(WATER, inside)).surfaces == ()


def test_interpolation_around_a_cell() -> None:
    """Between the last points of a cell and its end values go on to those of the first points."""
    cell = np.array([[3.0, 0.0, 0.0], [0.5, 2.8, 0.0], [0.0, 0.4, 3.2]])
    structure = Structure([11], [[0.1, 0.2, 0.3]], cell, True)
    grid = Grid([0.0] * 3, cell / 8, (8, 8, 8))
    found = probe_map(structure, grid)
    steps = np.array([[7.5, 3.0, 2.0], [-0.5, 11.0, 2.0]])
    values = interpolated(found, steps @ grid.axes)
    expected = (found.values[:, 7, 3, 2] + found.values[:, 0, 3, 2]) / 2
    np.testing.assert_allclose(values, np.stack([expected, expected], axis=1), atol=1e-6)


def test_outside_a_grid_nothing_is_known() -> None:
    """Points beyond the last have no value."""
    values = interpolated(probe_map(WATER, GRID), np.array([[0.0, 0.0, 0.2], [9.0, 0.0, 0.0]]))
    np.testing.assert_allclose(values[0], [0.2, np.nan], atol=1e-6)


def test_crystals_without_room() -> None:
    """Surfaces that a cell has no room for are left out; there is a page all the same."""
    assert SALT.cell is not None
    report = map_report(probe_map(SALT, Grid([0.0] * 3, SALT.cell / 10, (10, 10, 10))))
    assert [str(one.surface) for one in report.surfaces] == ["distance:1.6", "distance:2"]


def test_lists_of_points_and_surfaces() -> None:
    """A list has no surfaces, a surface no list; each has a page."""
    points = probe_map(WATER, GRID.points())
    assert (map_report(points).surfaces, map_report(points).maps) == ((), (points,))
    surface = surface_map(WATER, 2.0)
    assert (surface_report(surface).surfaces, surface_report(surface).maps) == ((surface,), ())
    assert map_page(points).startswith("<!doctype html>")
    assert surface_page(surface, explanation_of(WATER)).count("atom-table") > 0
