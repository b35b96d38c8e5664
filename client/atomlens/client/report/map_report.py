"""Map report: a report of a probe map or of a surface map that is there already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from atomlens.client.errors import InputError
from atomlens.client.explanation import Explanation
from atomlens.client.probe import Grid, ProbeMap
from atomlens.client.probe.closeness import Mask
from atomlens.client.report.contents import Report
from atomlens.client.report.reporting import DISTANCES, fitting_mesh
from atomlens.client.report.surface import Surface
from atomlens.client.report.surface_map import SurfaceMap
from atomlens.client.report.triangulation import Mesh
from atomlens.client.structure import Floats

VERTICES = 9_000  # of a surface in a page that has the grid too
INTERPOLATED = "Values on surfaces are interpolated between the points of the grid."


def map_report(probe_map: ProbeMap, explanation: Explanation | None = None) -> Report:
    """Return a report of a probe map: of a grid surfaces, slices and minima, of a list its points."""
    surfaces = tuple(_surfaces(probe_map)) if isinstance(probe_map.where, Grid) else ()
    notes = (INTERPOLATED,) if surfaces else ()
    return Report(probe_map.structure, explanation, surfaces, (probe_map,), notes=notes)


def surface_report(surface_map: SurfaceMap, explanation: Explanation | None = None) -> Report:
    """Return a report of a surface map."""
    return Report(surface_map.structure, explanation, (surface_map,))


def map_page(probe_map: ProbeMap, explanation: Explanation | None = None) -> str:
    """Return a page of a probe map, which needs no network."""
    return map_report(probe_map, explanation).html()


def surface_page(surface_map: SurfaceMap, explanation: Explanation | None = None) -> str:
    """Return a page of a surface map, which needs no network."""
    return surface_report(surface_map, explanation).html()


def interpolated(probe_map: ProbeMap, points: Floats) -> Floats:
    """Return the values of a map on a grid at other points, linear between the grid's: (fields, points).

    Where the grid closes on the cell the last points lead to the first; outside the grid values are NaN.
    """
    from scipy.ndimage import map_coordinates

    grid, values = probe_map.grid, probe_map.values
    closes = grid.closes(probe_map.structure)
    values = np.pad(values, [(0, 0), *((0, int(closed)) for closed in closes)], "wrap")
    steps = (points - grid.origin) @ np.linalg.inv(grid.axes)
    steps = np.where(closes, steps % grid.counts, steps)
    outside = ((steps < 0) | (steps > np.array(values.shape[1:]) - 1)).any(axis=1)
    found = np.stack(
        [map_coordinates(one.astype(np.float64), steps.T, order=1, mode="nearest") for one in values]
    )
    found[:, outside] = np.nan
    return found


def _surfaces(probe_map: ProbeMap) -> Iterator[SurfaceMap]:
    """Yield the usual surfaces, as far as they are inside the grid."""
    for surface in map(Surface, DISTANCES):
        try:
            found = fitting_mesh(probe_map.structure, surface, VERTICES)
        except InputError:  # no room for it, or too large: slices show the map too
            continue
        values = interpolated(probe_map, found.vertices)
        inside = np.isfinite(values[0])
        if inside.any():
            part = _part(found, inside)
            at_points = replace(probe_map, where=part.vertices, values=values[:, inside].astype(np.float32))
            yield SurfaceMap(surface, part, at_points)


def _part(found: Mesh, chosen: Mask) -> Mesh:
    """Return some vertices of a mesh with the faces between them."""
    places = np.cumsum(chosen) - 1
    faces = found.faces[chosen[found.faces].all(axis=1)]
    return Mesh(found.vertices[chosen], places[faces].astype(np.int32))
