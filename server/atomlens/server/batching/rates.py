"""Rates: how long work of each kind takes, as measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from atomlens.server.batching.jobs import Kind

# Going to a worker and back takes 0.1 to 0.2 ms. What takes little more is computed on the event loop, but
# only while nothing else is: the loop is held up for that long.
TRIFLE_MS = 0.5
FULL = 4  # a batch of a quarter of the batch cost tells what full ones take: small ones take relatively more
WARM = 3  # batches that were measured before a rate is believed
SMOOTHING = 0.2  # of a rate, by the last batch


@dataclass(frozen=True, slots=True)
class Rate:
    """The time that full batches of a kind take, smoothed over the last ones."""

    ms_per_cost: float
    batches: int

    def then(self, ms_per_cost: float) -> Rate:
        """Return the rate after one batch more."""
        share = max(SMOOTHING, 1 / (self.batches + 1))
        return Rate(self.ms_per_cost + share * (ms_per_cost - self.ms_per_cost), self.batches + 1)


class Rates:
    """What was measured. Any thread may add to it: of two that do at once for one kind, one is forgotten."""

    def __init__(self, batch_cost: int) -> None:
        self._full_cost = batch_cost / FULL
        self._last: dict[Kind, float] = {}  # ms per cost of the last batch, however small
        self._full: dict[Kind, Rate] = {}
        self.slowest_ms_per_cost = 0.0  # of all kinds, ever

    def note(self, kind: Kind, cost: int, ms: float) -> None:
        """Remember the time that a batch took."""
        ms_per_cost = ms / max(cost, 1)
        self._last[kind] = ms_per_cost
        if cost >= self._full_cost:
            rate = self._full[kind] = self._full.get(kind, Rate(0.0, 0)).then(ms_per_cost)
            self.slowest_ms_per_cost = max(self.slowest_ms_per_cost, rate.ms_per_cost)

    def is_trifle(self, kind: Kind, cost: int) -> bool:
        """Return whether work takes no time worth mentioning, as the last of its kind did."""
        return cost * self._last.get(kind, math.inf) < TRIFLE_MS

    def ms(self, costs: Mapping[Kind, int]) -> float:
        """Return the time in ms that one worker needs for the cost of each kind, 0 for what is not known."""
        return sum(cost * self._believed(kind) for kind, cost in costs.items())

    def _believed(self, kind: Kind) -> float:
        rate = self._full.get(kind)
        return rate.ms_per_cost if rate is not None and rate.batches >= WARM else 0.0
