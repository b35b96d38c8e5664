"""Batcher: work of all calls waits in one queue and is computed together, as much at once as pays."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from atomlens.server.batching.crew import LATE, Crew
from atomlens.server.batching.forecast import Forecast
from atomlens.server.batching.jobs import Caller, Computed, Errand, Job, Kind, Waiting, abandon, fail
from atomlens.server.batching.lobby import Lobby, Party
from atomlens.server.batching.observer import Observer, Unobserved
from atomlens.server.calls import Priority
from atomlens.server.errors import DeadlineError, OverloadedError, ServerError, UnavailableError
from atomlens.server.model import Model
from atomlens.server.settings.queueing import QueueingSettings
from atomlens.server.work import Load, Work

T = TypeVar("T")
E = TypeVar("E", bound=ServerError)
SURE = 2.0  # work that seems to take so many times the time that is left is refused


class Waits(NamedTuple):
    """Work of one priority that waits."""

    jobs: int
    atoms: int
    cost: int  # atoms + pairs


class Batcher:
    """Forms a batch whenever a worker is free: at once when idle, fuller the longer the others took.

    A batch holds work for one graph of one model up to a cost; errands, which nothing is batched with, take
    turns among the batches; `Queue` says in which order. Work that is cancelled or late leaves the queue at
    once. A trifle is computed on the event loop while all workers are idle. Made and used on one event loop.
    """

    def __init__(self, settings: QueueingSettings, observer: Observer | None = None) -> None:
        self._loop, self._closed = asyncio.get_running_loop(), False
        self._observer: Observer = observer or Unobserved()
        self._crew = Crew(settings.threads, settings.batch_cost, self._observer, self._room_made)
        self._lobby = Lobby(self._crew.queue, settings, self._crew.add)
        self._forecast = Forecast(self._crew)

    async def compute(
        self, model: Model, works: Sequence[Work], caller: Caller, patient: bool = False
    ) -> list[Computed]:
        """Queue pieces of work, all or none of them, and return what became of each.

        Args:
            model: who computes them.
            works: what to compute.
            caller: whose work it is.
            patient: wait for room in the queue instead of being refused.

        Raises:
            OverloadedError: there is no room in the queue.
            DeadlineError: the deadline passed, or would before the work is done.
            UnavailableError: the server is leaving.
        """
        self._check_caller(caller)
        loads = [work.load for work in works]
        if len(works) == 1 and (computed := self._trifle(model, works[0], loads[0])) is not None:
            return [computed]
        jobs = [self._job(model, work, load, caller) for work, load in zip(works, loads, strict=True)]
        party = Party(caller, sum(job.load.cost for job in jobs), jobs)
        if not patient:
            self._check_time(party)
        obstacle = self._lobby.obstacle(caller, party.cost)
        if patient and (obstacle or self._lobby):
            self._lobby.wait(party)
        elif obstacle is None:
            self._crew.add(jobs)
        else:
            seconds = self._forecast.retry_seconds(obstacle.excess)
            raise self._refusal(OverloadedError(obstacle.message, obstacle.reason, retry_seconds=seconds))
        return await self._results(jobs, party)

    async def run(self, function: Callable[[], T], caller: Caller, kind: Kind, load: Load) -> T:
        """Have a worker run a function in its turn and return its result.

        It is let into the queue however full that is: who has such errands bounds their number.

        Args:
            function: the errand.
            caller: for whom.
            kind: what errands have in common that take the same time for the same cost.
            load: what it costs.

        Raises:
            DeadlineError: the deadline passed first.
            UnavailableError: the server is leaving.
        """
        self._check_caller(caller)
        errand = Errand(caller, kind, load, self._loop.time(), self._loop.create_future(), function)
        self._crew.add([errand])
        (result,) = await self._results([errand])
        return cast(T, result)

    def batch_cost_of(self, model: Model, work: Work) -> int:
        """Return what a batch of such work may cost now: less where memory did not suffice."""
        return self._crew.batch_costs.of(_kind(model, work))

    async def close(self) -> None:
        """Finish what is being computed, refuse the rest."""
        self._closed = True
        waiting = [*self._crew.clear(), *self._lobby.clear()]
        fail(waiting, UnavailableError("the server is shutting down"))
        await self._crew.close()

    @property
    def workers(self) -> int:
        """Batches that can be computed at once."""
        return self._crew.workers

    @property
    def idle_workers(self) -> int:
        """Workers with nothing to do."""
        return self._crew.idle

    @property
    def cost(self) -> int:
        """Cost of all that waits."""
        return sum(self._crew.queue.cost.values())

    def waiting(self, priority: Priority) -> Waits:
        """Return how much work of a priority waits in the queue. Any thread may ask."""
        queue = self._crew.queue
        return self._crew.locked(
            lambda: Waits(queue.jobs(priority), queue.atoms(priority), queue.cost[priority])
        )

    def _check_caller(self, caller: Caller) -> None:
        if self._closed:
            raise UnavailableError("the server is shutting down")
        if self._loop.time() >= caller.deadline:
            raise self._refusal(DeadlineError("the deadline passed before the work was queued"))

    def _trifle(self, model: Model, work: Work, load: Load) -> Computed | None:
        """Compute work right here if nothing else is computed and the last of its kind took no time."""
        kind, cost = _kind(model, work), load.cost
        if not (self._crew.is_idle and self._crew.rates.is_trifle(kind, cost)):
            return None
        (outputs,), compute_ms = self._crew.outputs(model, kind, [work], cost)
        return Computed(outputs, 0.0, compute_ms, cost)

    def _job(self, model: Model, work: Work, load: Load, caller: Caller) -> Job:
        done: asyncio.Future[Computed] = self._loop.create_future()
        return Job(caller, _kind(model, work), load, self._loop.time(), done, model, work)

    def _check_time(self, party: Party) -> None:
        """Raise DeadlineError if the work surely takes longer than anybody waits for it."""
        left = party.caller.deadline - self._loop.time()
        if left == math.inf or self._forecast.is_soon(party.cost, left):
            return
        needed = self._forecast.needed_seconds(party.caller.priority, party.jobs)
        if needed > SURE * left:
            told = f"the work would take about {needed:.2g} s, and the deadline leaves {left:.2g} s for it"
            raise self._refusal(DeadlineError(told, "TOO_LITTLE_TIME"))

    def _refusal(self, error: E) -> E:
        self._observer.refused(error.reason)
        return error

    async def _results(self, some: Sequence[Waiting], party: Party | None = None) -> list[Any]:
        """Wait for what is queued; whatever ends the wait takes it out of the queue at once."""
        deadline = some[0].caller.deadline if some else math.inf
        timer = None if deadline == math.inf else self._loop.call_at(deadline, self._late, some)
        try:
            return [await one.done for one in some]
        except BaseException as error:
            self._forget(some, party, error)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _late(self, some: Sequence[Waiting]) -> None:
        fail(some, DeadlineError(LATE))

    def _forget(self, some: Sequence[Waiting], party: Party | None, error: BaseException) -> None:
        """Take out of lobby and queue what nobody waits for, and let in others."""
        abandon(some)
        if party is not None:
            self._lobby.leave(party)
        for _ in range(self._crew.discard(some)):
            self._observer.dropped("DEADLINE" if isinstance(error, DeadlineError) else "CANCELLED")
        self._lobby.let_in()

    def _room_made(self) -> None:
        """Let in who waits; called by workers."""
        if self._lobby:
            self._loop.call_soon_threadsafe(self._lobby.let_in)


def _kind(model: Model, work: Work) -> Kind:
    return model.digest, type(work)
