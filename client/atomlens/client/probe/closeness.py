"""Closeness: points nearer to a nucleus than a distance, images of periodic structures included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from atomlens.client.probe.boxes import Boxes, Indices
from atomlens.client.probe.grid import Grid
from atomlens.client.structure import Floats, Structure

POINTS = 2**18  # looked at together
ROUNDING = 1e-9  # of a lattice vector: what is that little below a face of the cell is on it
Mask = npt.NDArray[np.bool_]


class Nuclei(NamedTuple):
    """Atoms and the images of them that a point in the cell may be close to."""

    atoms: Indices  # (nuclei,) which atom of the structure each is
    positions: Floats  # (nuclei, 3) Å


def close_points(
    where: Grid | Floats, structure: Structure, distances: Floats, left_out: Sequence[int] = ()
) -> Mask:
    """Return which points are closer to a nucleus than the distances say: (fields, points).

    What repeats is seen from inside a cell, around the first atom left out if there is one: copies there of
    atoms left out count for nothing, and all others do.

    Args:
        where: a grid, or points in Å (points, 3).
        structure: the nuclei.
        distances: of each field and atom in Å, (fields, atoms).
        left_out: atoms that count for nothing.
    """
    close = np.zeros((len(distances), len(where)), np.bool_)
    lattice = np.zeros((0, 3)) if structure.cell is None else structure.cell[structure.pbc]
    origin = _origin(structure, lattice, left_out)
    nuclei = _nuclei(structure, lattice, origin, distances.max(axis=0, initial=0.0), left_out)
    for first in range(0, len(where), POINTS):
        part = slice(first, min(first + POINTS, len(where)))
        points = where.points(part.start, part.stop) if isinstance(where, Grid) else where[part]
        _mark(close[:, part], _wrapped(points - origin, lattice), nuclei, distances)
    return close


def _origin(structure: Structure, lattice: Floats, left_out: Sequence[int]) -> Floats:
    """Return where the cell begins that things are seen from: (3,) Å."""
    if not len(left_out) or not len(lattice):
        return np.zeros(3)
    origin: Floats = structure.positions[left_out[0]] - 0.5 * lattice.sum(axis=0)
    return origin


def _mark(close: Mask, points: Floats, nuclei: Nuclei, distances: Floats) -> None:
    """Set what is close among some points: (fields, points)."""
    boxes = Boxes(points)
    reach = distances.max(axis=0)[nuclei.atoms, None]  # (nuclei, 1)
    around = (nuclei.positions >= boxes.low - reach) & (nuclei.positions <= boxes.high + reach)
    for nucleus in np.flatnonzero(around.all(axis=1)):
        position, limits = nuclei.positions[nucleus], distances[:, nuclei.atoms[nucleus], None]
        near = boxes.near(position, float(limits.max()))
        if not close[:, near].all():
            close[:, near] |= np.linalg.norm(points[near] - position, axis=1) < limits


def _nuclei(
    structure: Structure, lattice: Floats, origin: Floats, reach: Floats, left_out: Sequence[int]
) -> Nuclei:
    """Return the atoms that count, and each image within its reach of the cell.

    Args:
        structure: whose atoms they are.
        lattice: vectors that repeat in Å, (repeating, 3).
        origin: where the cell begins in Å, (3,); nuclei are from here on.
        reach: of each atom in Å, (atoms,).
        left_out: atoms whose copy in the cell does not count.
    """
    home = _wrapped(structure.positions - origin, lattice)
    inverse = np.linalg.pinv(lattice)  # (3, repeating)
    scaled = home @ inverse
    atoms, moves = np.arange(len(home)), np.zeros(scaled.shape)
    for axis, width in enumerate(np.linalg.norm(inverse, axis=0)):
        margin = reach[atoms, None] * width + ROUNDING
        most = np.ceil(margin.max(initial=0.0))
        steps = np.arange(-most, most + 1)
        places = scaled[atoms, axis, None] + steps  # (nuclei, steps)
        kept, step = np.nonzero((places >= -margin) & (places <= 1 + margin))
        atoms, moves = atoms[kept], moves[kept]
        moves[:, axis] = steps[step]
    counts = moves.any(axis=1) | ~np.isin(atoms, list(left_out))
    atoms, moves = atoms[counts], moves[counts]
    return Nuclei(atoms, home[atoms] + moves @ lattice)


def _wrapped(positions: Floats, lattice: Floats) -> Floats:
    """Return positions moved by whole vectors of the lattice into the cell: (positions, 3) Å."""
    if not len(lattice):
        return positions
    moved: Floats = positions - np.floor(positions @ np.linalg.pinv(lattice) + ROUNDING) @ lattice
    return moved
