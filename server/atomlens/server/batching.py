"""Batching: work of all calls waits in one queue and is computed together, as much at once as pays."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from atomlens.server.engine import compute
from atomlens.server.errors import DeadlineError, OverloadedError, UnavailableError
from atomlens.server.model import Model, Outputs
from atomlens.server.work import Load, Work

T = TypeVar("T")
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


class Batcher:
    """Forms a batch whenever a worker is free: at once when idle, fuller the longer the others took.

    A batch holds work for one graph of one model, oldest first, up to a cost. Errands, which nothing is
    batched with, take their turns among the batches. Work whose call was cancelled or whose deadline has
    passed is not computed.
    Made and used on one event loop.
    """

    def __init__(self, workers: int, batch_cost: int, max_queue_cost: int) -> None:
        self._pool = ThreadPoolExecutor(workers, "batch")
        self._idle = workers
        self._batch_cost, self._max_queue_cost = batch_cost, max_queue_cost
        self._waiting: dict[Kind, deque[Job]] = {}
        self._errands: deque[Errand] = deque()
        self._queue_cost = 0
        self._freed = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False

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
        load = work.load
        await self._take_room(load.cost, patient)
        loop = asyncio.get_running_loop()
        job = Job(model, work, load, deadline, loop.time(), loop.create_future())
        self._waiting.setdefault((model, type(work)), deque()).append(job)
        self._queue_cost += load.cost
        self._dispatch()
        return await job.done

    async def run(self, function: Callable[[], T]) -> T:
        """Have a worker run a function in its turn and return its result.

        Raises:
            UnavailableError: the server is leaving.
        """
        if self._closed:
            raise UnavailableError("the server is shutting down")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._errands.append(Errand(function, loop.time(), done))
        self._dispatch()
        return await done

    async def close(self) -> None:
        """Finish what is being computed, refuse the rest."""
        self._closed = True
        waiting: Iterable[Job | Errand] = chain(*self._waiting.values(), self._errands)
        for one in waiting:
            _fail(one, UnavailableError("the server is shutting down"))
        self._waiting.clear()
        self._errands.clear()
        self._queue_cost = 0
        self._freed.set()
        await asyncio.gather(*self._running)
        self._pool.shutdown()

    async def _take_room(self, cost: int, patient: bool) -> None:
        while self._queue_cost and self._queue_cost + cost > self._max_queue_cost:
            if not patient:
                raise OverloadedError(
                    f"the queue is full: it holds {self._queue_cost} of at most {self._max_queue_cost} "
                    "(atoms + pairs); try again later"
                )
            self._freed.clear()
            await self._freed.wait()
        if self._closed:
            raise UnavailableError("the server is shutting down")

    def _dispatch(self) -> None:
        """Start batches while there are idle workers and work."""
        while self._idle and (turn := self._next_turn()):
            self._idle -= 1
            task = asyncio.get_running_loop().create_task(self._occupy(turn))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _next_turn(self) -> list[Job] | Errand | None:
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
                self._leave(job)
                if _is_wanted(job):
                    batch.append(job)
                    load = load.joined(job.load)
            if not jobs:
                del self._waiting[kind]
        return batch

    def _leave(self, job: Job) -> None:
        self._queue_cost -= job.load.cost
        self._freed.set()

    async def _occupy(self, turn: Sequence[Job] | Errand) -> None:
        """Have one worker compute a batch or run an errand."""
        try:
            await (self._run(turn) if isinstance(turn, Errand) else self._compute(turn))
        finally:
            self._idle += 1
            self._dispatch()

    async def _run(self, errand: Errand) -> None:
        """Run an errand outside the event loop and tell who waits."""
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._pool, errand.function)
        except Exception as error:  # whatever an errand does, the server goes on
            _fail(errand, error)
            return
        if not errand.done.done():
            errand.done.set_result(result)

    async def _compute(self, batch: Sequence[Job]) -> None:
        """Compute a batch outside the event loop and tell those who wait."""
        loop = asyncio.get_running_loop()
        begun, works = loop.time(), [job.work for job in batch]
        try:
            outputs = await loop.run_in_executor(self._pool, _run, batch[0].model, works)
        except Exception as error:  # whatever a batch does, the server goes on
            for job in batch:
                _fail(job, error)
            return
        compute_ms, cost = 1e3 * (loop.time() - begun), sum(job.load.cost for job in batch)
        for job, output in zip(batch, outputs, strict=True):
            if not job.done.done():
                job.done.set_result(Computed(output, 1e3 * (begun - job.queued), compute_ms, cost))


def _run(model: Model, works: Sequence[Work]) -> list[Outputs]:
    """Return the outputs of each piece of work, computed together."""
    joined = compute(model, type(works[0]).join(works))
    ends = np.cumsum([work.counts.sum() for work in works])[:-1]
    parts = {name: np.split(values, ends) for name, values in joined.items()}
    return [{name: split[index] for name, split in parts.items()} for index in range(len(works))]


def _is_wanted(job: Job) -> bool:
    """Return whether somebody still waits for the job; tell them if their deadline has passed."""
    if job.done.done():
        return False
    if asyncio.get_running_loop().time() < job.deadline:
        return True
    _fail(job, DeadlineError("the deadline passed while the work waited in the queue"))
    return False


def _fail(job: Job | Errand, error: Exception) -> None:
    if not job.done.done():
        job.done.set_exception(error)
