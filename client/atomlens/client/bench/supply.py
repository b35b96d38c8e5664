"""Supply: what one client asks about, over and over, one structure or one flat batch at a time."""

from __future__ import annotations

from itertools import cycle, islice

from atomlens.client.structure import Structure
from atomlens.client.structures import Structures


class Supply:
    """Structures in turn, beginning with the one at ``first``; batches are cut before the run."""

    def __init__(self, structures: Structures, batch: int, first: int) -> None:
        many = len(structures)
        self._ones = islice(cycle(structures[k] for k in range(many)), first % many, None)
        while len(structures) < batch:
            structures = Structures.concatenate([structures, structures])
        starts = range(0, len(structures) - batch + 1, batch)
        batches = [structures[start : start + batch] for start in starts]
        self._batches = islice(cycle(batches), first % len(batches), None)

    def one(self) -> Structure:
        """Return the next structure."""
        return next(self._ones)

    def batch(self) -> Structures:
        """Return the next batch."""
        return next(self._batches)
