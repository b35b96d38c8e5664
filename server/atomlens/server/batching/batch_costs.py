"""Batch costs: what a batch of each kind may cost, learned from running out of memory."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from atomlens.server.batching.jobs import Kind

LEAST = 64  # the batch cost that was set is divided by no more than this
GOOD_BATCHES = 100  # computed one after another before more is tried
GROWTH = 1.25  # of what is tried then
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Learned:
    """What a batch may cost where the batch cost that was set was too much."""

    cost: int
    good: int = 0  # batches computed since it changed


class BatchCosts:
    """The batch cost that was set, less where memory did not suffice.

    Out of memory, the cost is lowered to what is tried next, half of what failed, yet not below a floor.
    After `GOOD_BATCHES` without a failure it grows by a quarter, until it is what was set. Any thread may use
    it: it is a hint, and two that learn at once may learn the less.
    """

    def __init__(self, batch_cost: int) -> None:
        self._set, self._floor = batch_cost, max(batch_cost // LEAST, 1)
        self._learned: dict[Kind, Learned] = {}

    def of(self, kind: Kind) -> int:
        """Return what a batch of a kind may cost now."""
        learned = self._learned.get(kind)
        return self._set if learned is None else learned.cost

    def failed(self, kind: Kind, cost: int) -> None:
        """Learn that there was not enough memory for this cost at once."""
        lowered = max(min(self.of(kind), cost // 2), self._floor)
        if lowered < self.of(kind):
            log.warning("out of memory at a cost of %d: batches cost at most %d from now on", cost, lowered)
        self._learned[kind] = Learned(lowered)

    def worked(self, kind: Kind) -> None:
        """Learn that a batch was computed whole."""
        learned = self._learned.get(kind)
        if learned is None:
            return
        if learned.good + 1 < GOOD_BATCHES:
            self._learned[kind] = replace(learned, good=learned.good + 1)
            return
        grown = int(learned.cost * GROWTH) + 1
        if grown < self._set:
            self._learned[kind] = Learned(grown)
        else:
            self._learned.pop(kind, None)
