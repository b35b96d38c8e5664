"""Interpolation: a map on a grid at other points, linear between those of the grid."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from atomlens.client.probe import Grid, ProbeMap
from atomlens.client.probe.closeness import Mask
from atomlens.client.report.surface import Surface
from atomlens.client.structure import Floats

# Where points are d²/30 apart, linear values on surfaces at d Å are off by about an eighth of the range of
# the colours at most, and by a sixteenth at 99 % of the vertices; errors grow with the square of the step.
# Measured at 1.6, 2.0 and 2.5 Å around benzene, ethanol, acetamide and aspirin and in rock salt.
COARSEST = 1 / 30  # Å of a grid for each Å² of a surface
INTERPOLATED = (  # a note that legends are worded by
    "Values on surfaces are interpolated between the points of the grid; where one of those extrapolates "
    "the surface is grey."
)
ROUNDING = 1e-6  # of a limit, and of a share


class Interpolated(NamedTuple):
    """Values at points, NaN outside the grid, and which have a point in them that extrapolates."""

    values: npt.NDArray[np.float64]  # (fields, points)
    mixed: Mask  # (fields, points)


def interpolated(probe_map: ProbeMap, points: Floats) -> Interpolated:
    """Return the values of a map on a grid at other points.

    Where the grid closes on the cell the last points lead to the first.
    """
    grid, closes = probe_map.grid, probe_map.grid.closes(probe_map.structure)
    steps = (points - grid.origin) @ np.linalg.inv(grid.axes)
    steps = np.where(closes, steps % grid.counts, steps)
    last = np.array(grid.counts) - 1 + closes
    values = _between(probe_map.values, closes, steps)
    values[:, ((steps < 0) | (steps > last)).any(axis=1)] = np.nan
    return Interpolated(values, _between(probe_map.extrapolating, closes, steps) > ROUNDING)


def largest_step(grid: Grid) -> float:
    """Return the distance between neighbouring points of a grid, the largest of its three, in Å."""
    return float(np.linalg.norm(grid.axes, axis=1).max())


def coarsest_step(surface: Surface) -> float:
    """Return how far the points of a grid may be from each other for values on a surface, in Å."""
    return COARSEST * surface.distance_angstrom**2


def is_too_coarse(grid: Grid, surface: Surface) -> bool:
    """Return whether colours of interpolated values would be wrong."""
    return largest_step(grid) > (1 + ROUNDING) * coarsest_step(surface)


def _between(arrays: npt.NDArray[np.generic], closes: Mask, steps: Floats) -> npt.NDArray[np.float64]:
    """Return arrays on a grid at points in steps of it: (fields, points)."""
    from scipy.ndimage import map_coordinates

    padded = np.pad(arrays, [(0, 0), *((0, int(closed)) for closed in closes)], "wrap")
    return np.stack(
        [map_coordinates(one.astype(np.float64), steps.T, order=1, mode="nearest") for one in padded]
    )
