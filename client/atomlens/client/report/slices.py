"""Slices: a probe map on a grid as a small picture, three planes through the middle of the atoms."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from atomlens.client.probe import Grid, ProbeMap
from atomlens.client.report.coloring import scale_of
from atomlens.client.report.pictures import BEYOND, MEAN_OF_POINTS
from atomlens.client.report.scale import PALETTES, Scale
from atomlens.client.structure import Floats
from atomlens.client.svg import STYLE
from atomlens.client.table import words

MOST_FIELDS = 4
PANEL_INCHES = (2.6, 2.3)
DOTS_PER_INCH = 110
NEAR_ANGSTROM = 0.6  # from a plane: atoms that are marked on it
GREY = "#a9b0b8"  # of what extrapolates


class Plane(NamedTuple):
    """A layer of a grid, flat: where its points are and which they are."""

    name: str
    corners: Floats  # (rows + 1, columns + 1, 3) Å, half a step before and after each point
    layer: tuple[slice | int, ...]  # of an array (i, j, k)
    across: Floats  # (2, 3) unit vectors in the plane
    normal: Floats  # (3,) unit vector


def slices_html(probe_map: ProbeMap) -> str:
    """Return a map for notebooks: slices of its first fields, if it is on a grid, and what it says."""
    picture = ""
    if isinstance(probe_map.where, Grid):
        with io.BytesIO() as file:
            figure(probe_map).savefig(file, format="png", dpi=DOTS_PER_INCH)
            data = base64.b64encode(file.getvalue()).decode("ascii")
        picture = f'<img alt="slices" src="data:image/png;base64,{data}">'
    return f"<div>{picture}<pre>{escape(str(probe_map))}</pre></div>"


def figure(probe_map: ProbeMap) -> Figure:
    """Return a figure with a row for each of the first fields and a column for each plane."""
    grid = probe_map.grid
    planes = [_plane(grid, probe_map.structure.positions, axis) for axis in (2, 1, 0)]
    fields = probe_map.fields[:MOST_FIELDS]
    size = (len(planes) * PANEL_INCHES[0] + 0.8, len(fields) * PANEL_INCHES[1])
    with rc_context(STYLE):
        drawn = Figure(figsize=size, layout="constrained")
        panels = drawn.subplots(len(fields), len(planes), squeeze=False)
        for place, field in enumerate(fields):
            values = np.ma.masked_array(probe_map.values[place], probe_map.extrapolating[place])
            scale = scale_of(field.unit, values.compressed(), MEAN_OF_POINTS, BEYOND)
            for axes, plane in zip(panels[place], planes, strict=True):
                image = _draw(axes, plane, values, scale)
                _mark_atoms(axes, plane, probe_map.structure.positions)
                axes.set_title(f"Ω of {field.element}, {words(field.head)}, {plane.name}")
            drawn.colorbar(image, ax=panels[place], label=field.unit, extend="both")
    return drawn


def _plane(grid: Grid, positions: Floats, axis: int) -> Plane:
    """Return the layer along an axis that is nearest to the middle of the atoms."""
    first, second = (other for other in range(3) if other != axis)
    u = grid.axes[first] / np.linalg.norm(grid.axes[first])
    normal = np.cross(u, grid.axes[second])
    normal = normal / np.linalg.norm(normal)
    heights = (positions.mean(axis=0) - grid.origin) @ normal / (grid.axes[axis] @ normal)
    step = int(np.clip(np.rint(heights), 0, grid.counts[axis] - 1))
    layer: list[slice | int] = [slice(None)] * 3
    layer[axis] = step
    rows, columns = (
        (np.arange(grid.counts[other] + 1)[:, None] - 0.5) * grid.axes[other] for other in (first, second)
    )
    corners = grid.origin + step * grid.axes[axis] + rows[:, None] + columns
    letter = ("xyz" if grid.is_aligned else "abc")[axis]
    name = f"{letter} = {corners[0, 0, axis]:.2f} Å" if grid.is_aligned else f"step {step} of {letter}"
    return Plane(name, corners, tuple(layer), np.stack([u, np.cross(normal, u)]), normal)


def _draw(axes: Axes, plane: Plane, values: npt.NDArray[np.float32], scale: Scale) -> Any:
    """Draw the values of one plane; what extrapolates is grey."""
    colors = LinearSegmentedColormap.from_list(scale.palette, PALETTES[scale.palette]).with_extremes(bad=GREY)
    x, y = (plane.corners @ plane.across.T).transpose(2, 0, 1)
    axes.set(aspect="equal", xticks=[], yticks=[])
    axes.set_facecolor(GREY)
    return axes.pcolormesh(
        x, y, values[plane.layer], cmap=colors, vmin=scale.low, vmax=scale.high, shading="flat"
    )


def _mark_atoms(axes: Axes, plane: Plane, positions: Floats) -> None:
    """Mark the atoms that are near to a plane."""
    apart = np.abs((positions - plane.corners[0, 0]) @ plane.normal)
    x, y = (positions[apart < NEAR_ANGSTROM] @ plane.across.T).T
    axes.plot(
        x, y, "o", markersize=3.5, markerfacecolor="#1f2a37", markeredgecolor="white", markeredgewidth=0.6
    )
