"""Triangulation: a surface around a structure as triangles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from atomlens.client.errors import InputError, MissingExtraError
from atomlens.client.frozen import Frozen
from atomlens.client.probe import Grid
from atomlens.client.report.images import Frame, images
from atomlens.client.report.soft_distance import FINE, at_points, on_grid, reach_angstrom
from atomlens.client.report.surface import Surface, SurfaceLike
from atomlens.client.structure import Floats, Structure, StructureLike

SPACING_ANGSTROM = 0.25
MAX_GRID_POINTS = 40_000_000
MAX_VERTICES = 600_000  # what one request of probes holds
ON_LEVEL = np.float32(1e-4)  # a grid point so near to the level would make triangles without area
STEPS = 3  # of Newton's: from 1e-2 Å beyond float32
Integers = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Mesh(Frozen):
    """Triangles whose corners count round their outer side, the one away from the atoms."""

    vertices: Floats  # (vertices, 3) Å
    faces: Integers  # (faces, 3) indices of vertices

    @property
    def area(self) -> float:
        """Area in Å²."""
        a, b, c = self.vertices[self.faces].transpose(1, 0, 2)  # (faces, 3) each
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)

    def __len__(self) -> int:
        return len(self.vertices)


def mesh(
    structure: StructureLike, surface: SurfaceLike = "distance:2.0", spacing: float | None = None
) -> Mesh:
    """Return a surface of a structure, sampled every ``spacing`` Å; None for as fine as its distance needs.

    Around a molecule it is closed. Of what repeats it is the part in the cell, images felt, from the first
    face of the cell to the last; there it is open, and goes on in the next cell.
    """
    structure, surface = Structure.of(structure), Surface.of(surface)
    if spacing is None:
        spacing = min(SPACING_ANGSTROM, surface.distance_angstrom / 4)
    if not 0.0 < spacing <= surface.distance_angstrom / 2:
        raise InputError(
            f"`spacing` must be positive and at most half of the surface's distance, "
            f"{surface.distance_angstrom / 2:g} Å, got {spacing:g}",
            field="spacing",
        )
    frame = Frame.of(structure)
    grid = _grid(structure, frame, surface, spacing)
    values = on_grid(structure, frame, surface, grid)
    _check(values, surface)
    steps, faces = _march(values, spacing)
    vertices = _settle(structure, frame, surface, grid, steps)
    if np.linalg.det(grid.axes) < 0:
        faces = faces[:, ::-1]
    return Mesh(vertices, np.ascontiguousarray(faces, np.int32))


def _grid(structure: Structure, frame: Frame, surface: Surface, spacing: float) -> Grid:
    """Return the grid that holds the whole surface; of what repeats one cell, both its faces included.

    Further than d N^(1/p) from every atom the sum is below the level. What repeats may be as close as its
    images let it be, which are within reach.
    """
    images_count = len(images(structure, frame, reach_angstrom(structure, frame, surface, 1.0)))
    margin = surface.distance_angstrom * images_count ** (1 / surface.power) + spacing
    coordinates, reach = frame.coordinates(structure.positions), frame.reach(margin)
    low = np.where(frame.repeats, 0.0, coordinates.min(axis=0) - reach)
    high = np.where(frame.repeats, 1.0, coordinates.max(axis=0) + reach)
    lengths = (high - low) * np.linalg.norm(frame.basis, axis=1)
    steps = np.ceil(lengths / spacing)
    if not math.prod((steps + 1).tolist()) <= MAX_GRID_POINTS:
        raise _too_many(spacing, "its grid", math.prod((steps + 1).tolist()), MAX_GRID_POINTS)
    axes = frame.basis * ((high - low) / steps)[:, None]
    return Grid(low @ frame.basis, axes, steps.astype(np.int64) + 1)


def _check(values: npt.NDArray[np.float32], surface: Surface) -> None:
    """Raise `InputError` where a level is not reached: in a cell that the atoms fill."""
    if values.max() <= 1.0:
        farthest = float(values.max()) * surface.distance_angstrom
        raise InputError(
            f"`surface` must leave room between the atoms: {surface} encloses the whole cell, "
            f"whose farthest point is at distance:{farthest:.3g}",
            reason="NO_SURFACE",
            field="surface",
        )


def _march(values: npt.NDArray[np.float32], spacing: float) -> tuple[Floats, Integers]:
    """Return where the level crosses the edges of the grid, in steps of it, and triangles between them."""
    try:
        from skimage.measure import marching_cubes
    except ImportError as error:
        raise MissingExtraError("report", "a surface") from error
    values[np.abs(values - 1) < ON_LEVEL] = 1 + ON_LEVEL
    march: Any = marching_cubes
    steps, faces, _, _ = march(values, 1.0, gradient_direction="descent")
    if len(steps) > MAX_VERTICES:
        raise _too_many(spacing, "it", len(steps), MAX_VERTICES)
    return steps.astype(np.float64), faces


def _settle(structure: Structure, frame: Frame, surface: Surface, grid: Grid, steps: Floats) -> Floats:
    """Return vertices in Å on the level itself: Newton's steps along the gradient, from between grid points.

    Vertices on a face of the cell stay on it, and none leaves the cell.
    """
    reach = reach_angstrom(structure, frame, surface, FINE)
    centers = images(structure, frame, reach)
    last = np.array(grid.counts) - 1.0
    free = ~(np.array(frame.repeats) & ((steps == 0) | (steps == last)))  # (vertices, 3)
    for _ in range(STEPS):
        distances, gradients = at_points(centers, surface, grid.origin + steps @ grid.axes, reach)
        slopes = (gradients @ grid.axes.T) * free  # in Å per step
        off = surface.distance_angstrom - distances
        moves = off[:, None] * slopes / np.maximum((slopes**2).sum(axis=1, keepdims=True), 1e-12)
        steps = np.clip(steps + np.clip(moves, -1, 1), 0, last)
    vertices: Floats = grid.origin + steps @ grid.axes
    return vertices


def _too_many(spacing: float, what: str, points: float, most: int) -> InputError:
    rule = f"larger for this surface: at {spacing:g} Å {what} has {points:,.0f} points, more than {most:,}"
    return InputError(f"`spacing` must be {rule}", field="spacing")
