"""Batching: work of all calls waits in one queue and is computed together, as much at once as pays."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from atomlens.server.engine import compute
from atomlens.server.errors import DeadlineError, OverloadedError, UnavailableError
from atomlens.server.model import Model, Outputs
from atomlens.server.work import Load, Work


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


class Batcher:
    """Forms a batch whenever a worker is free: at once when idle, fuller the longer the others took.

    A batch holds work of one model, oldest first, up to a cost. Work whose call was cancelled or whose
    deadline has passed is not computed. Made and used on one event loop.
    """

    def __init__(self, workers: int, batch_cost: int, max_queue_cost: int) -> None:
        self._pool = ThreadPoolExecutor(workers, "batch")
        self._idle = workers
        self._batch_cost, self._max_queue_cost = batch_cost, max_queue_cost
        self._waiting: dict[Model, deque[Job]] = {}
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
        self._waiting.setdefault(model, deque()).append(job)
        self._queue_cost += load.cost
        self._dispatch()
        return await job.done

    async def close(self) -> None:
        """Finish what is being computed, refuse the rest."""
        self._closed = True
        for jobs in self._waiting.values():
            for job in jobs:
                _fail(job, UnavailableError("the server is shutting down"))
        self._waiting.clear()
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
        while self._idle and (batch := self._next_batch()):
            self._idle -= 1
            task = asyncio.get_running_loop().create_task(self._occupy(batch))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _next_batch(self) -> list[Job]:
        """Take the oldest job and what else of its model fits beside it."""
        batch: list[Job] = []
        load = Load(0, 0, 1)
        while not batch and self._waiting:
            model = min(self._waiting, key=lambda model: self._waiting[model][0].queued)
            jobs = self._waiting[model]
            while jobs and (not batch or load.joined(jobs[0].load).fits(self._batch_cost)):
                job = jobs.popleft()
                self._leave(job)
                if _is_wanted(job):
                    batch.append(job)
                    load = load.joined(job.load)
            if not jobs:
                del self._waiting[model]
        return batch

    def _leave(self, job: Job) -> None:
        self._queue_cost -= job.load.cost
        self._freed.set()

    async def _occupy(self, batch: Sequence[Job]) -> None:
        """Have one worker compute a batch."""
        try:
            await self._compute(batch)
        finally:
            self._idle += 1
            self._dispatch()

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
    joined = compute(model, Work.join(works))
    ends = np.cumsum([len(work.structures.numbers) for work in works])[:-1]
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


def _fail(job: Job, error: Exception) -> None:
    if not job.done.done():
        job.done.set_exception(error)
