"""Neighbors: the pairs of atoms within a cutoff, as a flat list and as the table that graphs read."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from atomlens.server.errors import InputError
from atomlens.server.grid import TooManyPairsError, grid_pairs
from atomlens.server.lattice import is_small, lattice_pairs, reach_of_images
from atomlens.server.limits import Limits
from atomlens.server.structures import Floats, Integers, Structures

LARGE_ATOMS = 100  # from here on a grid beats all pairs
DENSE_PAIRS = 1_000_000  # all-pairs distances held at once


@dataclass(frozen=True, slots=True)
class Pairs:
    """Every ordered pair (i, j) within the cutoff, sorted by i; an atom's own images are pairs too.

    The vector of a pair is ``positions[neighbors] + shifts - positions[centers]``.
    """

    centers: Integers  # (pairs,)
    neighbors: Integers  # (pairs,)
    shifts: Floats  # (pairs, 3) Å, whole lattice vectors
    exceeding: tuple[int, ...] = ()  # structures that have too many pairs and are here without any


@dataclass(frozen=True, slots=True)
class NeighborTable:
    """The neighbors of each atom in slots, as the atoms graph reads them."""

    neighbors: Integers  # (atoms, slots), -1 for none
    shifts: npt.NDArray[np.float32]  # (atoms, slots, 3) Å


def find_pairs(structures: Structures, cutoff_angstrom: float, limits: Limits | None = None) -> Pairs:
    """Return all ordered pairs closer than the cutoff, in every structure.

    Args:
        structures: as they came or placed.
        cutoff_angstrom: the distance from which atoms do not feel each other.
        limits: how many pairs one structure and all of them may have, where there are limits.

    Raises:
        InputError: all structures together cost more than a request may.
    """
    most_of_one = limits.max_structure_cost if limits else sys.maxsize
    most_of_all = limits.max_request_cost if limits else sys.maxsize
    alone = structures.pbc.any(axis=1) | (structures.counts >= LARGE_ATOMS)
    exceeding: list[int] = []
    parts: list[Pairs] = [Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 3)))]
    total = len(structures.numbers)
    for part in chain(
        _all_pairs(structures, np.flatnonzero(~alone), cutoff_angstrom),
        _one_by_one(structures, np.flatnonzero(alone), cutoff_angstrom, most_of_one, exceeding),
    ):
        parts.append(part)
        total += len(part.centers)
        if total > most_of_all:
            raise request_too_costly(most_of_all)
    return _sorted(parts, tuple(exceeding))


def request_too_costly(most: int) -> InputError:
    """Return the error of structures that cost more than ``most`` together."""
    return InputError(
        f"`structures` may cost at most {most} together (atoms + pairs within the cutoff): "
        "send fewer at once",
        "REQUEST_TOO_LARGE",
        "structures",
    )


def make_table(pairs: Pairs, atoms: int) -> NeighborTable:
    """Return the pairs of ``atoms`` atoms in slots; there is always at least one slot."""
    degrees = np.bincount(pairs.centers, minlength=atoms)
    slots = max(int(degrees.max(initial=0)), 1)
    starts = np.concatenate([[0], np.cumsum(degrees)[:-1]]).astype(np.int64)
    slot = np.arange(len(pairs.centers)) - starts[pairs.centers]
    neighbors = np.full((atoms, slots), -1, np.int64)
    neighbors[pairs.centers, slot] = pairs.neighbors
    shifts = np.zeros((atoms, slots, 3), np.float32)
    shifts[pairs.centers, slot] = pairs.shifts
    return NeighborTable(neighbors, shifts)


def _all_pairs(structures: Structures, chosen: Integers, cutoff: float) -> Iterator[Pairs]:
    """Yield the pairs of small molecules, similar sizes together so that little is padded."""
    by_size = chosen[np.argsort(structures.counts[chosen], kind="stable")]
    while len(by_size):
        padded = np.arange(1, len(by_size) + 1) * structures.counts[by_size] ** 2
        fit = max(int(np.searchsorted(padded, DENSE_PAIRS, side="right")), 1)
        yield _dense_pairs(structures, by_size[:fit], cutoff)
        by_size = by_size[fit:]


def _dense_pairs(structures: Structures, rows: Integers, cutoff: float) -> Pairs:
    slots = np.arange(int(structures.counts[rows].max(initial=0)))
    real = slots < structures.counts[rows, None]  # (structures, slots)
    atoms = np.where(real, structures.offsets[rows, None] + slots, 0)
    placed = structures.positions[atoms]  # (structures, slots, 3)
    squares = np.zeros((*real.shape, len(slots)))
    for axis in range(3):
        squares += (placed[:, :, None, axis] - placed[:, None, :, axis]) ** 2
    near = (squares < cutoff**2) & real[:, :, None] & real[:, None, :]
    near[:, slots, slots] = False
    row, i, j = np.nonzero(near)
    return Pairs(atoms[row, i], atoms[row, j], np.zeros((len(row), 3)))


def _one_by_one(
    structures: Structures, chosen: Integers, cutoff: float, most: int, exceeding: list[int]
) -> Iterator[Pairs]:
    """Yield the pairs of large and periodic structures; note those that have more than ``most``."""
    for row in chosen.tolist():
        first, last = structures.offsets[row], structures.offsets[row + 1]
        cell, pbc = structures.complete_cells[row], structures.pbc[row]
        try:
            i, j, images = _images(structures.positions[first:last], cell, pbc, cutoff, most)
        except TooManyPairsError:
            exceeding.append(row)
            continue
        yield Pairs(i + first, j + first, images @ structures.cells[row])


def _images(
    positions: Floats, cell: Floats, pbc: npt.NDArray[np.bool_], cutoff: float, most: int
) -> tuple[Integers, Integers, Integers]:
    """Return the pairs of one structure with whole lattice vectors, in the way that suits its size."""
    reach = reach_of_images(cell, pbc, cutoff)
    if pbc.any() and is_small(len(positions), reach):
        return lattice_pairs(positions, cell, pbc, cutoff, reach)
    return grid_pairs(positions, cell, pbc, cutoff, most)


def _sorted(parts: Sequence[Pairs], exceeding: tuple[int, ...]) -> Pairs:
    """Return the pairs of all parts, sorted by center, as those of crystals alone already are."""
    centers = np.concatenate([part.centers for part in parts])
    neighbors = np.concatenate([part.neighbors for part in parts])
    shifts = np.concatenate([part.shifts for part in parts])
    if (centers[:-1] <= centers[1:]).all():
        return Pairs(centers, neighbors, shifts, exceeding)
    order = np.argsort(centers, kind="stable")
    return Pairs(centers[order], neighbors[order], shifts[order], exceeding)
