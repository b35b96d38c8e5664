"""Map report: a report of a probe map or of a surface map that is there already."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from atomlens.client.errors import InputError
from atomlens.client.explanation import Explanation
from atomlens.client.probe import Grid, ProbeField, ProbeMap
from atomlens.client.probe.closeness import Mask
from atomlens.client.report.contents import Report
from atomlens.client.report.interpolation import (
    INTERPOLATED,
    coarsest_step,
    interpolated,
    is_too_coarse,
    largest_step,
)
from atomlens.client.report.reporting import DISTANCES, fitting_mesh
from atomlens.client.report.surface import Surface
from atomlens.client.report.surface_map import SurfaceMap, probe_mesh
from atomlens.client.report.triangulation import Mesh
from atomlens.client.structure import Structure

if TYPE_CHECKING:
    from atomlens.client.client import Client

VERTICES = 9_000  # of a surface in a page that has the grid too


def map_report(
    probe_map: ProbeMap, explanation: Explanation | None = None, client: Client | None = None
) -> Report:
    """Return a report of a probe map: of a grid surfaces, slices and minima, of a list its points.

    Args:
        probe_map: what was probed.
        explanation: what is said of the atoms.
        client: who asks the map's model for values on surfaces; without one they are interpolated between
            the points of the grid, and left out where these are too far from each other.
    """
    surfaces: list[SurfaceMap] = []
    notes: list[str] = []
    if isinstance(probe_map.where, Grid):
        meshes = _meshes(probe_map.structure)
        if client is not None:
            surfaces = [_probed(client, probe_map, *one) for one in meshes]
        else:
            surfaces, notes = _interpolated(probe_map, meshes)
    return Report(probe_map.structure, explanation, tuple(surfaces), (probe_map,), notes=tuple(notes))


def surface_report(surface_map: SurfaceMap, explanation: Explanation | None = None) -> Report:
    """Return a report of a surface map."""
    return Report(surface_map.structure, explanation, (surface_map,))


def map_page(
    probe_map: ProbeMap, explanation: Explanation | None = None, client: Client | None = None
) -> str:
    """Return a page of a probe map, which needs no network; the arguments are those of `map_report`."""
    return map_report(probe_map, explanation, client).html()


def surface_page(surface_map: SurfaceMap, explanation: Explanation | None = None) -> str:
    """Return a page of a surface map, which needs no network."""
    return surface_report(surface_map, explanation).html()


def _meshes(structure: Structure) -> Iterator[tuple[Surface, Mesh]]:
    """Yield the usual surfaces, as far as there is room for them."""
    for surface in map(Surface, DISTANCES):
        try:
            found = fitting_mesh(structure, surface, VERTICES)
        except InputError:  # no room for it, or too large: slices show the map too
            continue
        yield surface, found


def _probed(client: Client, probe_map: ProbeMap, surface: Surface, found: Mesh) -> SurfaceMap:
    """Return what the model of a map says on a surface, of the same fields."""
    model = probe_map.model
    elements = list(dict.fromkeys(one for field in probe_map.fields for one in field.probes))
    more = probe_map.heads, probe_map.left_out
    asked = probe_mesh(client, probe_map.structure, elements, surface, found, str(model), *more)
    if asked.map.model.digest != model.digest:
        raise InputError(
            f"`client` must have the model of the map, {model} of digest {model.digest[:12]}, "
            f"got {asked.map.model.digest[:12]}",
            field="client",
        )
    values = np.concatenate([_field(asked.map, field).values for field in probe_map.fields])
    return replace(asked, map=replace(asked.map, fields=probe_map.fields, values=values))


def _field(found: ProbeMap, field: ProbeField) -> ProbeMap:
    """Return one field of a map, or the difference of two."""
    if len(field.probes) == 1:
        return found.select(field.element, field.head)
    minuend, subtrahend = field.probes
    return found.difference(minuend, subtrahend, field.head)


def _interpolated(
    probe_map: ProbeMap, meshes: Iterator[tuple[Surface, Mesh]]
) -> tuple[list[SurfaceMap], list[str]]:
    """Return surfaces as far as they are inside a grid, and what is said of them and of those left out."""
    surfaces, left_out = [], []
    for surface, found in meshes:
        values, mixed = interpolated(probe_map, found.vertices)
        inside = np.isfinite(values[0])
        if not inside.any():
            continue
        if is_too_coarse(probe_map.grid, surface):
            left_out.append(_too_coarse(probe_map.grid, surface))
            continue
        part = _part(found, inside)
        there = replace(probe_map, where=part.vertices, values=values[:, inside].astype(np.float32))
        flags = there.extrapolating | mixed[:, inside]
        surfaces.append(SurfaceMap(surface, part, there.with_extrapolating(flags)))
    return surfaces, [*([INTERPOLATED] if surfaces else []), *left_out]


def _too_coarse(grid: Grid, surface: Surface) -> str:
    limit = math.floor(100 * coarsest_step(surface)) / 100
    return (
        f"There is no surface at {surface}: the grid's points are {largest_step(grid):.2g} Å apart, too far "
        f"for values between them there. Use a spacing of at most {limit:g} Å, or give `map_report` a client "
        "to ask the model."
    )


def _part(found: Mesh, chosen: Mask) -> Mesh:
    """Return some vertices of a mesh with the faces between them."""
    places = np.cumsum(chosen) - 1
    faces = found.faces[chosen[found.faces].all(axis=1)]
    return Mesh(found.vertices[chosen], places[faces].astype(np.int32))
