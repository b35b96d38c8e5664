"""Forecast: how long work will wait, as far as that was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from atomlens.server.batching.crew import Crew
from atomlens.server.batching.jobs import Job
from atomlens.server.calls import Priority

MIN_RETRY_SECONDS, MAX_RETRY_SECONDS = 0.05, 30.0
UNKNOWN_RETRY_SECONDS = 1.0  # where it was not measured how long work takes


class Forecast:
    """What the costs in a queue and the rates of its workers foretell.

    It never says more than it knows: what is being computed, what comes later and passes by, and work of
    kinds that were not measured count nothing.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    def is_soon(self, cost: int, seconds: float) -> bool:
        """Return whether so much and all that waits is done in time even if all of it takes longest."""
        cost += sum(self._crew.queue.cost.values())
        return 1e-3 * cost * self._crew.rates.slowest_ms_per_cost <= seconds

    def needed_seconds(self, priority: Priority, jobs: Sequence[Job]) -> float:
        """Return the time that jobs queued now need: for what is computed before them, and for themselves."""
        crew, own = self._crew, Counter[object]()
        for job in jobs:
            own[job.kind] += job.load.cost
        before = crew.locked(lambda: crew.queue.costs_before(priority))
        at_once = max(min(len(jobs), crew.workers), 1)
        return 1e-3 * (crew.rates.ms(before) / crew.workers + crew.rates.ms(own) / at_once)

    def retry_seconds(self, excess: int) -> float:
        """Return the time until a cost has left the queue."""
        crew = self._crew
        waiting = crew.locked(lambda: crew.queue.costs_before(Priority.BULK))
        ms, cost = crew.rates.ms(waiting), sum(waiting.values())
        if not ms:
            return UNKNOWN_RETRY_SECONDS
        seconds = 1e-3 * ms * excess / cost / crew.workers
        return min(max(seconds, MIN_RETRY_SECONDS), MAX_RETRY_SECONDS)
