"""Soft distance: D(r) = (Σ_i |r−r_i|^−p)^(−1/p), about the distance from the nearest nucleus.

A surface is where D = d. Unlike the sum itself, D is finite everywhere and nearly linear around the surface.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from atomlens.client.probe import Grid
from atomlens.client.report.images import SPHERES, Frame, images, too_slow
from atomlens.client.report.surface import Surface
from atomlens.client.structure import Floats, Structure

COARSE, FINE = 1e-2, 1e-4  # what the atoms that are left out may add to the sum, relative to the level
LARGEST_TERM = 1e30  # of one atom at its nucleus, relative to the level: float32 holds the sum of 10⁸ of them
MAX_TERMS = 4_000_000_000  # of the sums at all points of a grid: half a minute
LEAST_REACH = 2.0  # in units of d
BLOCK_ANGSTROM = 6.0  # points so near to each other are summed together
CHUNK = 2_000_000  # terms in memory at once
Block: TypeAlias = tuple[slice, slice, slice]


def on_grid(structure: Structure, frame: Frame, surface: Surface, grid: Grid) -> npt.NDArray[np.float32]:
    """Return D/d at the points of a grid: (i, j, k).

    Each atom is summed at the points that feel it, so that time grows with the number of atoms for high
    powers; raises `InputError` where all atoms are felt everywhere and are too many.
    """
    reach = reach_angstrom(structure, frame, surface, COARSE)
    centers = images(structure, frame, reach)
    blocks = list(zip(centers, _around(grid, centers, reach), strict=True))
    terms = sum(math.prod(part.stop - part.start for part in block) for _, block in blocks)
    if terms > MAX_TERMS:
        raise too_slow(f"it takes {terms:,} terms, more than {MAX_TERMS:,}; or use a larger spacing")
    total = np.zeros(grid.counts, np.float32)
    for center, whole in blocks:
        for block in _layers(whole):
            total[block] += _terms(_squared(grid, center, block), surface)
    with np.errstate(divide="ignore"):
        distance: npt.NDArray[np.float32] = np.power(total, np.float32(-1 / surface.power), out=total)
    return np.minimum(distance, np.float32(reach / surface.distance_angstrom), out=distance)


def at_points(
    centers: Floats, surface: Surface, points: Floats, reach: float
) -> tuple[npt.NDArray[np.float64], Floats]:
    """Return D in Å and its gradient at points, of the centers within reach: (points,), (points, 3)."""
    distances, gradients = np.empty(len(points)), np.empty((len(points), 3))
    for chosen in _blocks(points):
        low, high = points[chosen].min(axis=0) - reach, points[chosen].max(axis=0) + reach
        near = centers[((centers >= low) & (centers <= high)).all(axis=1)]
        step = max(1, CHUNK // max(1, len(near)))
        for first in range(0, len(chosen), step):
            part = chosen[first : first + step]
            distances[part], gradients[part] = _with_gradient(near, surface, points[part])
    return distances, gradients


def reach_angstrom(structure: Structure, frame: Frame, surface: Surface, tolerance: float) -> float:
    """Return the distance beyond which all atoms together add less than ``tolerance`` times the level.

    Of a molecule no more than all its atoms can be there; of what repeats in k dimensions the sum goes over
    into an integral, which converges for powers above k.
    """
    power, distance, atoms = surface.power, surface.distance_angstrom, len(structure)
    k = frame.dimensions
    if not k:
        return distance * max(LEAST_REACH, float((atoms / tolerance) ** (1 / power)))
    if power <= k:
        raise too_slow(f"the sum over the images has no end at a power of {k} or less")
    lattice = frame.basis[list(frame.repeats)]  # (k, 3)
    density = atoms / math.sqrt(np.linalg.det(lattice @ lattice.T)) * distance**k
    steps = float((SPHERES[k] * density / ((power - k) * tolerance)) ** (1 / (power - k)))
    return distance * max(LEAST_REACH, steps)


def _around(grid: Grid, centers: Floats, reach: float) -> Iterator[Block]:
    """Yield the range along each axis of a grid that holds every point within reach of each center."""
    inverse = np.linalg.inv(grid.axes)
    middle = (centers - grid.origin) @ inverse  # in steps
    extent = reach * np.linalg.norm(inverse, axis=0)
    first = np.clip(np.ceil(middle - extent), 0, grid.counts).astype(np.int64)
    stop = np.clip(np.floor(middle + extent) + 1, first, grid.counts).astype(np.int64)
    for (i, j, k), (i_stop, j_stop, k_stop) in zip(first.tolist(), stop.tolist(), strict=True):
        yield slice(i, i_stop), slice(j, j_stop), slice(k, k_stop)


def _layers(block: Block) -> Iterator[Block]:
    """Cut a range of a grid into layers of a bounded number of points."""
    first, *others = block
    thickness = max(1, CHUNK // max(1, math.prod(part.stop - part.start for part in others)))
    for start in range(first.start, first.stop, thickness):
        yield slice(start, min(start + thickness, first.stop)), block[1], block[2]


def _squared(grid: Grid, center: Floats, block: Block) -> npt.NDArray[np.float32]:
    """Return squared distances from a center, |a+b+c|² = |a|²+|b|²+|c|²+2(ab+ac+bc): (i, j, k) Å²."""
    a, b, c = (
        np.arange(part.start, part.stop)[:, None] * axis for part, axis in zip(block, grid.axes, strict=True)
    )
    a = a + (grid.origin - center)
    ab = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) + 2 * a @ b.T
    ac, bc = 2 * a @ c.T + (c**2).sum(axis=1), 2 * b @ c.T
    squared: npt.NDArray[np.float32] = (
        ab.astype(np.float32)[:, :, None] + ac.astype(np.float32)[:, None, :] + bc.astype(np.float32)
    )
    return squared


def _terms(squared: npt.NDArray[np.float32], surface: Surface) -> npt.NDArray[np.float32]:
    """Return (d/r)^p of squared distances, with a bound at nuclei."""
    square = np.float32(surface.distance_angstrom**2)
    largest = min(LARGEST_TERM, LARGEST_TERM ** (2 / surface.power))
    np.maximum(squared, np.float32(square / largest), out=squared)
    np.divide(square, squared, out=squared)
    return np.power(squared, np.float32(surface.power / 2), out=squared)


def _blocks(points: Floats) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the indices of points that are near to each other."""
    cells = np.floor(points / BLOCK_ANGSTROM).astype(np.int64)
    _, block = np.unique(cells, axis=0, return_inverse=True)
    order = np.argsort(block, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(block[order])) + 1)


def _with_gradient(centers: Floats, surface: Surface, points: Floats) -> tuple[Floats, Floats]:
    """Return D and ∇D = D Σ_i w_i (r−r_i)/|r−r_i|², w_i the share of atom i in the sum."""
    apart = points[:, None] - centers  # (points, centers, 3)
    squared = np.maximum((apart**2).sum(axis=2), 1e-20)
    nearest = squared.min(axis=1, keepdims=True)
    shares = (nearest / squared) ** (surface.power / 2)
    sums = shares.sum(axis=1, keepdims=True)
    distances = np.sqrt(nearest[:, 0]) * sums[:, 0] ** (-1 / surface.power)
    weights = distances[:, None] * shares / sums / squared  # (points, centers)
    return distances, (weights[:, None] @ apart)[:, 0]
