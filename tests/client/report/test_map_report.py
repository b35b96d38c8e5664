"""Reports of maps that are there already."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from atomlens.client import Client, InputError
from atomlens.client.probe import Grid, ProbeMap
from atomlens.client.report import map_page, map_report, reporting, surface_page, surface_report
from atomlens.client.report.interpolation import INTERPOLATED

from .conftest import SALT, WATER, explanation_of, probe_map, surface_map

GRID = Grid([-3.0, -3.6, -3.5], 0.085 * np.eye(3), (71, 86, 80))
MODEL = "toy-schnet-energy"


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Surfaces of few points."""
    monkeypatch.setattr(reporting, "SPACING_ANGSTROM", 0.5)


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


def test_values_made_of_what_extrapolates() -> None:
    """A vertex is flagged if a corner of its cell of the grid extrapolates, though it does not itself."""
    found = probe_map(WATER, GRID, closest=1.59)
    one = map_report(found).surfaces[0]
    own = replace(one.map).extrapolating
    steps = np.floor((one.mesh.vertices - GRID.origin) / 0.085).astype(int)
    corners = [found.extrapolating[:, *(steps + move).T] for move in np.ndindex(2, 2, 2)]
    np.testing.assert_array_equal(one.map.extrapolating, own | np.any(corners, axis=0))
    assert one.map.flagged[0] == 0
    assert own[1].sum() < one.map.flagged[1] < len(one.mesh)


def test_a_client(client: Client, coarse: None) -> None:
    """It asks the map's model about the vertices, of the fields of the map, however coarse the grid is."""
    found = client.probe(WATER, ["H", "C"], MODEL, spacing=0.8, left_out=(1,)).collect(progress=False)
    report = map_report(found.difference("C", "H"), client=client)
    assert [str(one.surface) for one in report.surfaces] == ["distance:1.6", "distance:2", "distance:2.5"]
    assert report.notes == ()
    for one in report.surfaces:
        points = one.mesh.vertices
        asked = client.probe(WATER, ["C", "H"], MODEL, points=points, left_out=(1,)).collect(progress=False)
        np.testing.assert_array_equal(one.map.values[0], asked.values[0] - asked.values[1])
        assert (one.map.fields, one.map.left_out) == (report.maps[0].fields, (1,))
    for made in map_report(found, client=client).surfaces:
        assert made.map.fields == found.fields
        assert made.map.model == found.model


def test_the_client_of_another_model(client: Client, coarse: None) -> None:
    """Colours of two models would look as if they were of one."""
    found = client.probe(WATER, "H", MODEL, spacing=0.8).collect(progress=False)
    other = replace(found, model=replace(found.model, digest="ab" * 32))
    with pytest.raises(InputError, match="`client` must have the model of the map, toy-schnet-energy@1 of"):
        map_report(other, client=client)


def test_a_grid_that_is_too_small() -> None:
    """Of surfaces that leave the grid the part inside is shown, and none of those outside."""
    half = Grid([-1.02, -3.6, -3.5], GRID.axes, (25, 86, 80))
    for one in map_report(probe_map(WATER, half)).surfaces:
        assert np.abs(one.mesh.vertices[:, 0]).max() <= 1.02
        assert one.mesh.faces.max() < len(one.mesh)
        np.testing.assert_allclose(one.map.values[0], one.mesh.vertices[:, 2], atol=1e-5)
    inside = map_report(probe_map(WATER, Grid([-0.1, -0.1, -0.1], 0.1 * np.eye(3), (3, 3, 3))))
    assert (inside.surfaces, inside.notes) == ((), ())


def test_a_grid_that_is_too_coarse() -> None:
    """Surfaces that it does not tell are left out, with what there is to do."""
    fine = map_report(_with_steps_of(0.2))
    assert [str(one.surface) for one in fine.surfaces] == ["distance:2.5"]
    assert fine.notes == (
        INTERPOLATED,
        "There is no surface at distance:1.6: the grid's points are 0.2 Å apart, too far for values between "
        "them there. Use a spacing of at most 0.08 Å, or give `map_report` a client to ask the model.",
        "There is no surface at distance:2: the grid's points are 0.2 Å apart, too far for values between "
        "them there. Use a spacing of at most 0.13 Å, or give `map_report` a client to ask the model.",
    )
    coarse = map_report(_with_steps_of(0.4))
    assert (coarse.surfaces, len(coarse.notes)) == ((), 3)


def test_crystals_without_room() -> None:
    """Surfaces that a cell has no room for are left out; there is a page all the same."""
    assert SALT.cell is not None
    report = map_report(probe_map(SALT, Grid([0.0] * 3, SALT.cell / 50, (50, 50, 50))))
    assert [str(one.surface) for one in report.surfaces] == ["distance:1.6", "distance:2"]


def test_lists_of_points_and_surfaces(client: Client) -> None:
    """A list has no surfaces, a surface no list; each has a page."""
    points = probe_map(WATER, GRID.points()[::100])
    for asked in (None, client):
        assert (map_report(points, None, asked).surfaces, map_report(points).maps) == ((), (points,))
    surface = surface_map(WATER, 2.0)
    assert (surface_report(surface).surfaces, surface_report(surface).maps) == ((surface,), ())
    assert map_page(points, client=client).startswith("<!doctype html>")
    assert surface_page(surface, explanation_of(WATER)).count("atom-table") > 0


def _with_steps_of(step: float) -> ProbeMap:
    """Return a map on a coarser grid."""
    counts = [int(7.3 / step)] * 3
    return probe_map(WATER, Grid([-3.6, -3.6, -3.6], step * np.eye(3), counts))
