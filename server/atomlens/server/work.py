"""Work: admitted structures with their pairs, cut and joined into batches by cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from atomlens.server.neighbors import Pairs
from atomlens.server.structures import Integers, Structures

BOX_ANGSTROM = 32.0  # a power of two; molecules that fit into one box stay as they are
PADDING = 4  # slots of a batch's neighbor table, empty ones included, for each of its cost


class Load(NamedTuple):
    """What work puts on a batch: its cost, and the atoms x slots of its neighbor table."""

    cost: int
    atoms: int
    slots: int

    def joined(self, other: Load) -> Load:
        """Return the load of both together."""
        return Load(self.cost + other.cost, self.atoms + other.atoms, max(self.slots, other.slots))

    def fits(self, batch_cost: int) -> bool:
        """Return whether a batch may be that large: one atom with many neighbors pads all the others."""
        return self.cost <= batch_cost and self.atoms * self.slots <= PADDING * batch_cost


@dataclass(frozen=True, slots=True)
class Work:
    """Placed structures and their pairs, ready for a session; the unit that is queued and batched."""

    structures: Structures  # placed: centred or wrapped
    pairs: Pairs  # sorted by center

    @property
    def cost(self) -> int:
        """Atoms + pairs."""
        return len(self.structures.numbers) + len(self.pairs.centers)

    @property
    def load(self) -> Load:
        """What the work puts on a batch."""
        slots = int(np.bincount(self.pairs.centers).max(initial=1))
        return Load(self.cost, len(self.structures.numbers), slots)

    @property
    def near_origin(self) -> Work:
        """The same pair vectors with every atom moved by whole boxes to one box about the origin.

        Shifts make up for it. float32 holds them then, however far apart the atoms of a structure are.
        """
        moves = np.round(self.structures.positions / BOX_ANGSTROM) * BOX_ANGSTROM
        if not moves.any():
            return self
        pairs = self.pairs
        shifts = pairs.shifts + moves[pairs.neighbors] - moves[pairs.centers]
        return Work(
            replace(self.structures, positions=self.structures.positions - moves),
            replace(pairs, shifts=shifts),
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

    def take(self, chosen: Integers) -> Work:
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
        return Work(self.structures.take(chosen), pairs)

    def pieces(self, batch_cost: int) -> Iterator[Work]:
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

    def _run(self, first: int, last: int) -> Work:
        """Return the work of structures first, ..., last - 1."""
        start, stop = self.structures.offsets[[first, last]]
        mine = slice(*np.searchsorted(self.pairs.centers, [start, stop]))
        centers, neighbors = self.pairs.centers[mine] - start, self.pairs.neighbors[mine] - start
        return Work(
            self.structures.take(np.arange(first, last)), Pairs(centers, neighbors, self.pairs.shifts[mine])
        )

    @classmethod
    def join(cls, parts: Sequence[Work]) -> Work:
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
