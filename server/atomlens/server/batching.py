"""Batching: work of all calls waits in one queue and is computed together, as much at once as pays."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, repeat
from threading import Lock
from typing import Any, TypeVar

import numpy as np

from atomlens.server.engine import compute
from atomlens.server.errors import DeadlineError, OverloadedError, UnavailableError
from atomlens.server.model import Model, Outputs
from atomlens.server.work import Load, Work

T = TypeVar("T")
# Going to a worker and back takes 0.1 to 0.2 ms. What takes little more is computed on the event loop, but
# only while nothing else is: the loop is held up for that long.
TRIFLE_MS = 0.5
Kind = tuple[Model, type[Work]]  # of work that can be computed together


@dataclass(frozen=True, slots=True)
class Computed:
    """What became of one piece of work."""

    outputs: Outputs
    queue_ms: float
    compute_ms: float
    batch_cost: int  # of the batch it was computed in


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A piece of work that waits."""

    model: Model
    work: Work
    load: Load
    deadline: float  # on the event loop's clock
    queued: float
    done: asyncio.Future[Computed]


@dataclass(frozen=True, slots=True, eq=False)
class Errand:
    """Something else for a worker to do."""

    function: Callable[[], Any]
    queued: float
    done: asyncio.Future[Any]


Turn = list[Job] | Errand


class Batcher:
    """Forms a batch whenever a worker is free: at once when idle, fuller the longer the others took.

    A batch holds work for one graph of one model, oldest first, up to a cost. Errands, which nothing is
    batched with, take their turns among the batches. Work whose call was cancelled or whose deadline has
    passed is not computed. Made and used on one event loop. A worker that is done takes its next turn itself,
    so that it never waits for the loop. A trifle is computed on the loop while all workers are idle.
    """

    def __init__(self, workers: int, batch_cost: int, max_queue_cost: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(workers, "batch")
        self._batch_cost, self._max_queue_cost = batch_cost, max_queue_cost
        self._freed = asyncio.Event()
        self._closed = False
        self._patient = 0  # callers that wait for room
        self._ms_per_cost: dict[Kind, float] = {}  # of the last batch
        self._workers = workers
        self._lock = Lock()  # of all that follows, which workers change too
        self._idle = workers
        self._waiting: dict[Kind, deque[Job]] = {}
        self._errands: deque[Errand] = deque()
        self._queue_cost = 0

    async def compute(self, model: Model, work: Work, deadline: float, patient: bool = False) -> Computed:
        """Queue work and return what became of it.

        Args:
            model: who computes it.
            work: what to compute.
            deadline: the point on the event loop's clock after which nobody waits for it.
            patient: wait for room in the queue instead of being refused.

        Raises:
            OverloadedError: the queue is full.
            DeadlineError: the deadline passed first.
            UnavailableError: the server is leaving.
        """
        load, now = work.load, self._loop.time()
        if now < deadline and self._is_trifle((model, type(work)), load):
            (outputs,) = _run(model, [work])
            return Computed(outputs, 0.0, self._took(model, work, load.cost, now), load.cost)
        await self._take_room(load.cost, patient)
        job = Job(model, work, load, deadline, self._loop.time(), self._loop.create_future())
        with self._lock:
            self._waiting.setdefault((model, type(work)), deque()).append(job)
            self._queue_cost += load.cost
        self._start()
        return await job.done

    async def run(self, function: Callable[[], T]) -> T:
        """Have a worker run a function in its turn and return its result.

        Raises:
            UnavailableError: the server is leaving.
        """
        if self._closed:
            raise UnavailableError("the server is shutting down")
        done: asyncio.Future[T] = self._loop.create_future()
        with self._lock:
            self._errands.append(Errand(function, self._loop.time(), done))
        self._start()
        return await done

    async def close(self) -> None:
        """Finish what is being computed, refuse the rest."""
        self._closed = True
        with self._lock:
            waiting: list[Job | Errand] = [*chain(*self._waiting.values()), *self._errands]
            self._waiting.clear()
            self._errands.clear()
            self._queue_cost = 0
        for one in waiting:
            _fail(one, UnavailableError("the server is shutting down"))
        self._freed.set()
        await asyncio.to_thread(self._pool.shutdown)

    def _is_trifle(self, kind: Kind, load: Load) -> bool:
        """Return whether to compute such work right here: nothing else is, and the last took no time."""
        idle = self._idle == self._workers and not (self._waiting or self._errands or self._closed)
        return idle and load.cost * self._ms_per_cost.get(kind, math.inf) < TRIFLE_MS

    def _took(self, model: Model, work: Work, cost: int, begun: float) -> float:
        """Return the time in ms that a batch took, and remember what that is for such work."""
        compute_ms = 1e3 * (self._loop.time() - begun)
        self._ms_per_cost[model, type(work)] = compute_ms / max(cost, 1)
        return compute_ms

    async def _take_room(self, cost: int, patient: bool) -> None:
        if not self._has_room(cost):
            if not patient:
                raise OverloadedError(
                    f"the queue is full: it holds {self._queue_cost} of at most {self._max_queue_cost} "
                    "(atoms + pairs); try again later"
                )
            await self._wait_for_room(cost)
        if self._closed:
            raise UnavailableError("the server is shutting down")

    def _has_room(self, cost: int) -> bool:
        return not self._queue_cost or self._queue_cost + cost <= self._max_queue_cost

    async def _wait_for_room(self, cost: int) -> None:
        """Wait until there is room; whoever takes work from the queue lets those in who are counted."""
        self._patient += 1
        try:
            while not self._has_room(cost):
                self._freed.clear()
                await self._freed.wait()
        finally:
            self._patient -= 1

    def _start(self) -> None:
        """Have an idle worker take a turn, if there is one: otherwise none is idle for long."""
        with self._lock:
            turn = self._next_turn() if self._idle else None
            self._idle -= turn is not None
        if turn is not None:
            self._pool.submit(self._work, turn)

    def _work(self, turn: Turn | None) -> None:
        """Take turns until nothing waits; what a worker does in its thread."""
        while turn is not None:
            if isinstance(turn, Errand):
                self._run(turn)
            else:
                self._compute(turn)
            with self._lock:
                turn = self._next_turn()
                self._idle += turn is None

    def _next_turn(self) -> Turn | None:
        """Take what has waited longest, with what can be batched with it."""
        while self._errands and self._errands[0].done.done():
            self._errands.popleft()
        oldest = min((jobs[0].queued for jobs in self._waiting.values()), default=math.inf)
        if self._errands and self._errands[0].queued <= oldest:
            return self._errands.popleft()
        return self._next_batch() or (self._errands.popleft() if self._errands else None)

    def _next_batch(self) -> list[Job]:
        """Take the oldest job and what else of its kind fits beside it."""
        batch: list[Job] = []
        load = Load(0, 0, 1)
        while not batch and self._waiting:
            kind = min(self._waiting, key=lambda kind: self._waiting[kind][0].queued)
            jobs = self._waiting[kind]
            while jobs and (not batch or load.joined(jobs[0].load).fits(self._batch_cost)):
                job = jobs.popleft()
                self._queue_cost -= job.load.cost
                if self._is_wanted(job):
                    batch.append(job)
                    load = load.joined(job.load)
            if not jobs:
                del self._waiting[kind]
            if self._patient:
                self._tell(self._freed.set)
        return batch

    def _is_wanted(self, job: Job) -> bool:
        """Return whether somebody still waits for the job; tell them if their deadline has passed."""
        if job.done.done():
            return False
        if self._loop.time() < job.deadline:
            return True
        late = DeadlineError("the deadline passed while the work waited in the queue")
        self._tell(_fail, job, late)
        return False

    def _run(self, errand: Errand) -> None:
        """Run an errand and tell who waits."""
        try:
            self._tell(_settle, errand, errand.function())
        except Exception as error:  # whatever an errand does, the server goes on
            self._tell(_fail, errand, error)

    def _compute(self, batch: Sequence[Job]) -> None:
        """Compute a batch and tell those who wait."""
        begun = self._loop.time()
        try:
            outputs = _run(batch[0].model, [job.work for job in batch])
        except Exception as error:  # whatever a batch does, the server goes on
            self._tell(_fail_all, batch, error)
            return
        cost = sum(job.load.cost for job in batch)
        compute_ms = self._took(batch[0].model, batch[0].work, cost, begun)
        queue_ms = [1e3 * (begun - job.queued) for job in batch]
        results = map(Computed, outputs, queue_ms, repeat(compute_ms), repeat(cost))
        self._tell(_settle_all, batch, list(results))

    def _tell(self, function: Callable[..., None], *args: object) -> None:
        """Have the event loop call a function."""
        self._loop.call_soon_threadsafe(function, *args)


def _run(model: Model, works: Sequence[Work]) -> list[Outputs]:
    """Return the outputs of each piece of work, computed together."""
    joined = compute(model, type(works[0]).join(works))
    if len(works) == 1:
        return [joined]
    ends = np.cumsum([work.counts.sum() for work in works])[:-1]
    parts = {name: np.split(values, ends) for name, values in joined.items()}
    return [{name: split[index] for name, split in parts.items()} for index in range(len(works))]


def _settle(one: Job | Errand, result: Any) -> None:
    if not one.done.done():
        one.done.set_result(result)


def _settle_all(batch: Sequence[Job], results: Sequence[Computed]) -> None:
    for job, result in zip(batch, results, strict=True):
        _settle(job, result)


def _fail(one: Job | Errand, error: Exception) -> None:
    if not one.done.done():
        one.done.set_exception(error)


def _fail_all(batch: Sequence[Job], error: Exception) -> None:
    for job in batch:
        _fail(job, error)
