"""Table work: structures of any kind with their pairs, for the graph that reads a table of neighbors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from atomlens.server.close import ClosePairs, flagged
from atomlens.server.neighbors import Pairs
from atomlens.server.shapes import Shapes
from atomlens.server.structures import Floats, Integers, Structures
from atomlens.server.work import PADDING, Load, Padding

MOST_PADDING = 2  # entries of a structure's neighbor table, empty ones included, for each of its cost
BOX_ANGSTROM = 32.0  # a power of two; molecules that fit into one box stay as they are


@dataclass(frozen=True, slots=True)
class TableWork:
    """Placed structures and their pairs."""

    structures: Structures  # placed: centred or wrapped
    pairs: Pairs  # sorted by center

    @property
    def counts(self) -> Integers:
        """Atoms of each structure: (structures,)."""
        return self.structures.counts

    @property
    def cost(self) -> int:
        """Atoms + pairs."""
        return len(self.structures.numbers) + len(self.pairs.centers)

    @property
    def load(self) -> Load:
        """What the work puts on a batch."""
        slots = int(np.bincount(self.pairs.centers).max(initial=1))
        return Load(self.cost, len(self.structures.numbers), slots)

    def padding(self, shapes: Shapes) -> Padding:  # noqa: ARG002
        """Return how full the neighbor table is, of the same shape for every provider."""
        load, pairs = self.load, len(self.pairs.centers)
        return Padding(pairs, load.atoms * load.slots - pairs)

    @property
    def near_origin(self) -> TableWork:
        """The same pair vectors with every atom moved by whole boxes to one box about the origin.

        Shifts make up for it. float32 holds them then, however far apart the atoms of a structure are.
        """
        moves = np.round(self.structures.positions / BOX_ANGSTROM) * BOX_ANGSTROM
        if not moves.any():
            return self
        pairs = self.pairs
        shifts = pairs.shifts + moves[pairs.neighbors] - moves[pairs.centers]
        return TableWork(
            replace(self.structures, positions=self.structures.positions - moves),
            replace(pairs, shifts=shifts),
        )

    def close_pairs(self, closest: Floats, min_distance: float, rows: Integers) -> ClosePairs:
        """Return the pairs that are closer than in training or than ``min_distance``, each once.

        Args:
            closest: by atomic numbers, (119, 119) Å.
            min_distance: in Å.
            rows: indices of the structures in the request, (structures,).
        """
        structures, half = self.structures, np.flatnonzero(self.pairs.centers <= self.pairs.neighbors)
        first, second = self.pairs.centers[half], self.pairs.neighbors[half]
        vectors = structures.positions[second] + self.pairs.shifts[half] - structures.positions[first]
        distances = np.sqrt(np.einsum("px,px->p", vectors, vectors))
        limits = closest[structures.numbers[first], structures.numbers[second]]
        near = distances < flagged(limits, min_distance)
        first, second = first[near], second[near]
        owners = structures.owners[first]
        start = structures.offsets[owners]
        elements = np.stack([structures.numbers[first], structures.numbers[second]], 1)
        return ClosePairs(
            rows[owners], first - start, second - start, elements, distances[near], limits[near]
        )

    def costs(self) -> Integers:
        """Return atoms + pairs of each structure: (structures,)."""
        ends = np.searchsorted(self.pairs.centers, self.structures.offsets)
        return self.structures.counts + np.diff(ends)

    def slots(self) -> Integers:
        """Return the neighbors of the atom that has most, of each structure: (structures,)."""
        degrees = np.bincount(self.pairs.centers, minlength=len(self.structures.numbers))
        slots = np.zeros(len(self.structures), np.int64)
        np.maximum.at(slots, self.structures.owners, degrees)
        return slots

    def exceeds(self, cost: int) -> npt.NDArray[np.bool_]:
        """Return which structures cost more, or need a table that is much larger: (structures,)."""
        too_large = (self.costs() > cost) | (self.counts * self.slots() > MOST_PADDING * cost)
        too_large[list(self.pairs.exceeding)] = True
        return too_large

    def take(self, chosen: Integers) -> TableWork:
        """Return the work of the chosen structures, which are in ascending order."""
        if len(chosen) == len(self.structures):
            return self
        kept = np.zeros(len(self.structures), np.bool_)
        kept[chosen] = True
        moved = np.cumsum(np.where(kept, 0, self.structures.counts)) * kept  # atoms left out before each
        mine = kept[self.structures.owners[self.pairs.centers]]
        back = moved[self.structures.owners[self.pairs.centers[mine]]]
        pairs = Pairs(
            self.pairs.centers[mine] - back, self.pairs.neighbors[mine] - back, self.pairs.shifts[mine]
        )
        return TableWork(self.structures.take(chosen), pairs)

    def pieces(self, batch_cost: int) -> Iterator[TableWork]:
        """Yield runs of structures that fit into batches of ``batch_cost``, a costlier one by itself."""
        if self.load.fits(batch_cost):
            if len(self.structures):
                yield self
            return
        totals, slots, offsets = np.cumsum(self.costs()), self.slots(), self.structures.offsets
        first = 0
        while first < len(totals):
            spent = totals[first - 1] if first else 0
            last = max(int(np.searchsorted(totals, spent + batch_cost, side="right")), first + 1)
            atoms = offsets[first + 1 : last + 1] - offsets[first]
            tables = np.maximum.accumulate(slots[first:last]) * atoms
            last = first + max(int(np.searchsorted(tables, PADDING * batch_cost, side="right")), 1)
            yield self._run(first, last)
            first = last

    def _run(self, first: int, last: int) -> TableWork:
        """Return the work of structures first, ..., last - 1."""
        start, stop = self.structures.offsets[[first, last]]
        mine = slice(*np.searchsorted(self.pairs.centers, [start, stop]))
        centers, neighbors = self.pairs.centers[mine] - start, self.pairs.neighbors[mine] - start
        return TableWork(
            self.structures.take(np.arange(first, last)), Pairs(centers, neighbors, self.pairs.shifts[mine])
        )

    @classmethod
    def join(cls, parts: Sequence[TableWork]) -> TableWork:
        """Return all parts as one, in order."""
        if len(parts) == 1:
            return parts[0]
        sizes = [len(part.structures.numbers) for part in parts]
        firsts = np.cumsum([0, *sizes[:-1]])
        pairs = Pairs(
            np.concatenate([part.pairs.centers + first for part, first in zip(parts, firsts, strict=True)]),
            np.concatenate([part.pairs.neighbors + first for part, first in zip(parts, firsts, strict=True)]),
            np.concatenate([part.pairs.shifts for part in parts]),
        )
        return cls(Structures.concatenate([part.structures for part in parts]), pairs)
