"""Grid: the pairs of one structure of any size and extent, found box by box and never more than asked for.

Written here because a server must survive whatever it is sent: vesin 0.6.2, against which the tests compare,
ends the process (SIGFPE) on needle-shaped extents and cannot be told to stop at a number of pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from atomlens.server.structures import Floats, Integers, ragged_arange

CANDIDATES = 1_000_000  # distances looked at together
ROUNDING = 1e-9  # in lattice vectors


class TooManyPairsError(Exception):
    """A structure has more pairs or images than asked for."""


class Images(NamedTuple):
    """Atoms and, after them, the images that may be within the cutoff of one."""

    atoms: Integers  # (points,)
    cells: Integers  # (points, 3), whole lattice vectors that the atom was moved by
    points: Floats  # (points, 3) Å


def grid_pairs(
    positions: Floats, cell: Floats, pbc: npt.NDArray[np.bool_], cutoff: float, most: int
) -> tuple[Integers, Integers, Integers]:
    """Return every ordered pair (i, j), sorted by i, and the whole lattice vectors that j is moved by.

    Args:
        positions: in Å, (atoms, 3).
        cell: in Å, (3, 3), not singular even where nothing repeats.
        pbc: which lattice vectors repeat, (3,).
        cutoff: in Å.
        most: how many pairs there may be.

    Raises:
        TooManyPairsError: there are more.
    """
    images = images_near(positions, cell, pbc, cutoff, most)
    found: list[tuple[Integers, Integers]] = []
    total = 0
    for i, j in _close(images.points, len(positions), cutoff):
        found.append((i, j))
        total += len(i)
        if total > most:
            raise TooManyPairsError
    centers = np.concatenate([i for i, _ in found])
    order = np.argsort(centers, kind="stable")
    centers, others = centers[order], np.concatenate([j for _, j in found])[order]
    return centers, images.atoms[others], images.cells[others] - images.cells[centers]


def images_near(
    positions: Floats,
    cell: Floats,
    pbc: npt.NDArray[np.bool_],
    cutoff: float,
    most: int,
    whole_cell: bool = False,
) -> Images:
    """Return the atoms, wrapped, and the images that lie within the cutoff of the box around them.

    With ``whole_cell`` those within the cutoff of any point of the cell.

    Raises:
        TooManyPairsError: there are more than ``most``.
    """
    inverse = np.linalg.inv(cell)
    scaled = positions @ inverse
    atoms, cells = np.arange(len(positions)), -lattice_steps(scaled, pbc)
    scaled = scaled + cells
    low, high = (np.zeros(3), np.ones(3)) if whole_cell else (scaled.min(0), scaled.max(0))
    reach = cutoff * np.linalg.norm(inverse, axis=0) + ROUNDING  # in lattice vectors
    for axis in np.flatnonzero(pbc):
        steps = int(np.ceil(reach[axis]))
        if len(atoms) * (2 * steps + 1) > most:
            raise TooManyPairsError
        moves = np.array([0, *range(-steps, 0), *range(1, steps + 1)])  # the atoms themselves stay first
        moved = scaled[:, axis] + moves[:, None]  # (moves, points)
        move, kept = np.nonzero((moved >= low[axis] - reach[axis]) & (moved <= high[axis] + reach[axis]))
        atoms, cells, scaled = atoms[kept], cells[kept], scaled[kept]
        cells[:, axis] += moves[move]
        scaled[:, axis] += moves[move]
    return Images(atoms, cells.astype(np.int64), positions[atoms] + cells @ cell)


def lattice_steps(scaled: Floats, pbc: npt.NDArray[np.bool_]) -> Floats:
    """Return the whole lattice vectors that lead from the home cell to scaled positions: (points, 3).

    What rounding has put below a face of the cell is on it.
    """
    return np.where(pbc, np.floor(scaled + ROUNDING), 0.0)


def _close(points: Floats, centers: int, cutoff: float) -> Iterator[tuple[Integers, Integers]]:
    """Yield pairs of one of the first ``centers`` points and any other point within the cutoff."""
    keys, rows = _boxes(points, cutoff)
    order = np.argsort(keys, kind="stable")
    mine = order[order < centers]
    wanted = keys[mine, None] + rows  # (centers, rows of three boxes)
    first = np.searchsorted(keys[order], wanted - 1, side="left")
    counts = np.searchsorted(keys[order], wanted + 1, side="right") - first
    totals = np.cumsum(counts.sum(1))
    start = 0
    while start < centers:
        spent = totals[start - 1] if start else 0
        stop = max(int(np.searchsorted(totals, spent + CANDIDATES, side="right")), start + 1)
        i = np.repeat(mine[start:stop], counts[start:stop].sum(1))
        j = order[ragged_arange(first[start:stop].ravel(), counts[start:stop].ravel())]
        squares = sum((points[j, axis] - points[i, axis]) ** 2 for axis in range(3))
        near = np.flatnonzero((squares < cutoff**2) & (i != j))
        yield i[near], j[near]
        start = stop


def _boxes(points: Floats, cutoff: float) -> tuple[Integers, Integers]:
    """Return the key of each point's box, and what the keys of the 9 rows of boxes around it differ by.

    Boxes are as wide as the cutoff; empty ones between points are left out, so that keys stay small.
    """
    boxes = np.floor((points - points.min(0)) / cutoff).astype(np.int64)
    for axis in range(3):
        values, which = np.unique(boxes[:, axis], return_inverse=True)
        boxes[:, axis] = np.cumsum(np.minimum(np.diff(values, prepend=values[0]), 2))[which] + 1
    _, width, depth = boxes.max(0) + 2
    keys = (boxes[:, 0] * width + boxes[:, 1]) * depth + boxes[:, 2]
    around = np.arange(-1, 2)
    return keys, (around[:, None] * width + around).ravel() * depth
