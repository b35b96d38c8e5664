"""Work: admitted structures with their pairs, cut and joined into batches by cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from atomlens.server.neighbors import Pairs
from atomlens.server.structures import Integers, Structures


@dataclass(frozen=True, slots=True)
class Work:
    """Placed structures and their pairs, ready for a session; the unit that is queued and batched."""

    structures: Structures  # placed: centred or wrapped
    pairs: Pairs  # sorted by center

    @property
    def cost(self) -> int:
        """Atoms + pairs."""
        return len(self.structures.numbers) + len(self.pairs.centers)

    def costs(self) -> Integers:
        """Return atoms + pairs of each structure: (structures,)."""
        ends = np.searchsorted(self.pairs.centers, self.structures.offsets)
        return self.structures.counts + np.diff(ends)

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
        """Yield runs of structures that cost at most ``batch_cost``, a costlier structure by itself."""
        if self.cost <= batch_cost:
            if len(self.structures):
                yield self
            return
        totals = np.cumsum(self.costs())
        first = 0
        while first < len(totals):
            spent = totals[first - 1] if first else 0
            last = max(int(np.searchsorted(totals, spent + batch_cost, side="right")), first + 1)
            yield self.take(np.arange(first, last))
            first = last

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
