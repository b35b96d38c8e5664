"""Crew: the threads that compute what waits."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import repeat
from threading import Lock
from typing import Any, TypeVar

from atomlens.server.batching.batch import joined, split
from atomlens.server.batching.batch_costs import BatchCosts
from atomlens.server.batching.jobs import Computed, Errand, Job, Kind, Turn, Waiting, fail, settle, settle_all
from atomlens.server.batching.observer import Observer
from atomlens.server.batching.queue import Queue
from atomlens.server.batching.rates import Rates
from atomlens.server.batching.solitude import Solitude
from atomlens.server.engine import compute
from atomlens.server.errors import DeadlineError, EngineError, OutOfMemoryError
from atomlens.server.memory import is_out_of_memory
from atomlens.server.model import Model, Outputs
from atomlens.server.shapes import SHAPES
from atomlens.server.work import Work

T = TypeVar("T")
LATE = "the deadline passed while the work waited or was computed"
SHORT = "there was not enough memory for this, even alone: ask for less, or a larger server"
log = logging.getLogger(__name__)


class Crew:
    """A queue and its workers. A worker that is done takes its next turn itself: it never waits for the loop.

    Whatever happens in a turn, its worker goes on: those who wait for the turn are told.
    """

    def __init__(
        self, workers: int, batch_cost: int, observer: Observer, room_made: Callable[[], None]
    ) -> None:
        """Have workers wait.

        Args:
            workers: how many threads.
            batch_cost: at which a batch is closed.
            observer: who is told what is done.
            room_made: called by workers that took from the queue.
        """
        self._loop, self._observer, self._room_made = asyncio.get_running_loop(), observer, room_made
        self._pool = ThreadPoolExecutor(workers, "batch")
        # Turns that workers begin with, not given to the pool: it would hold them until the workers rest.
        self._first: deque[Turn] = deque()
        self.rates, self.batch_costs = Rates(batch_cost), BatchCosts(batch_cost)
        self.workers = self.idle = workers
        self._solitude = Solitude()
        self._lock = Lock()  # of the queue, and of the number of idle workers
        self.queue = Queue(batch_cost, self.batch_costs.of, self._is_wanted)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is computed."""
        return self.idle == self.workers and not any(self.queue.cost.values())

    def locked(self, function: Callable[[], T]) -> T:
        """Return what a function says of the queue, which stays as it is meanwhile."""
        with self._lock:
            return function()

    def add(self, some: Iterable[Waiting]) -> None:
        """Queue what is to be done, and have idle workers begin: otherwise none is idle for long."""
        with self._lock:
            for one in some:
                self.queue.put(one)
        while self.idle and self._start():
            pass

    def discard(self, some: Iterable[Waiting]) -> int:
        """Take out what nobody waits for; return how many of them had not been begun."""
        with self._lock:
            return sum([self.queue.discard(one) for one in some])

    def clear(self) -> list[Waiting]:
        """Take everything out of the queue and return it."""
        with self._lock:
            return self.queue.clear()

    async def close(self) -> None:
        """Wait for what is being computed and let the threads go."""
        await asyncio.to_thread(self._pool.shutdown)

    def outputs(
        self, model: Model, kind: Kind, works: Sequence[Work], cost: int
    ) -> tuple[list[Outputs], float]:
        """Return what the model says of work, computed here and now, and the time in ms that it took."""
        begun, capacity, starved = self._loop.time(), self.batch_costs.of(kind), []

        def note(part: Work) -> None:
            starved.append(part)
            self._observer.out_of_memory(model.name)
            if len(part.counts) > 1:
                self.batch_costs.failed(kind, part.load.cost)

        whole = joined(works)
        with self._solitude.beside():
            outputs = split(compute(model, whole, note, self._solitude.alone), works)
        if not starved:
            self.batch_costs.worked(kind)
        ms = self._took(kind, cost, begun)
        padding = whole.padding(SHAPES[model.provider])
        self._observer.batch(model.name, len(whole.counts), cost, capacity, *padding, 1e-3 * ms)
        return outputs, ms

    def _took(self, kind: Kind, cost: int, begun: float) -> float:
        """Return the time in ms since the beginning, and remember it for such work."""
        ms = 1e3 * (self._loop.time() - begun)
        self.rates.note(kind, cost, ms)
        return ms

    def _start(self) -> bool:
        """Have an idle worker take a turn, if there is one."""
        with self._lock:
            turn = self.queue.next_turn() if self.idle else None
            self.idle -= turn is not None
        if turn is not None:
            self._first.append(turn)
            self._pool.submit(self._work).add_done_callback(self._ended)
        return turn is not None

    def _ended(self, work: Future[None]) -> None:
        """Put another in the place of a worker that ended otherwise than by having nothing to do."""
        if work.exception() is None:
            return
        log.critical("a worker ended and is replaced", exc_info=work.exception())
        self._observer.worker_replaced()
        with self._lock:
            self.idle += 1
        while self.idle and self._start():
            pass

    def _work(self) -> None:
        """Take turns until nothing waits; what a worker does in its thread."""
        turn: Turn | None = self._first.popleft()
        while turn is not None:
            try:
                self._do(turn)
            except BaseException as error:  # whatever it does, the server goes on
                self._tell(fail, [turn] if isinstance(turn, Errand) else turn, self._told(error))
            with self._lock:
                turn = self.queue.next_turn()
                self.idle += turn is None
            self._room_made()

    def _do(self, turn: Turn) -> None:
        begun = self._loop.time()
        for one in [turn] if isinstance(turn, Errand) else turn:
            self._observer.waited(one.caller.priority.name.lower(), begun - one.queued)
        if isinstance(turn, Errand):
            self._tell(settle, turn, self._result(turn))
            self._took(turn.kind, turn.load.cost, begun)
        else:
            self._compute(turn, begun)

    def _result(self, errand: Errand) -> Any:
        """Return the result of an errand, which is run again, alone, where others left it no memory."""
        with self._solitude.beside():
            try:
                return errand.function()
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            try:
                with self._solitude.alone():
                    return errand.function()
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                raise OutOfMemoryError(SHORT) from error

    def _compute(self, batch: Sequence[Job], begun: float) -> None:
        """Compute a batch and tell those who wait."""
        first, cost = batch[0], sum(job.load.cost for job in batch)
        outputs, compute_ms = self.outputs(first.model, first.kind, [job.work for job in batch], cost)
        queue_ms = [1e3 * (begun - job.queued) for job in batch]
        self._tell(
            settle_all, batch, list(map(Computed, outputs, queue_ms, repeat(compute_ms), repeat(cost)))
        )

    def _is_wanted(self, one: Waiting) -> bool:
        """Return whether somebody still waits; tell them if their deadline has passed."""
        is_late = self._loop.time() >= one.caller.deadline
        if not (is_late or one.done.done()):
            return True
        self._observer.dropped("DEADLINE" if is_late else "CANCELLED")
        if is_late:
            self._tell(fail, [one], DeadlineError(LATE))
        return False

    def _told(self, error: BaseException) -> Exception:
        """Return what those who wait are told of an error in a worker."""
        if isinstance(error, Exception):
            return error
        log.critical("a worker crashed and goes on", exc_info=error)
        self._observer.worker_replaced()
        return EngineError("the worker that computed this crashed; another goes on", "WORKER_CRASHED")

    def _tell(self, function: Callable[..., None], *args: object) -> None:
        """Have the event loop call a function."""
        self._loop.call_soon_threadsafe(function, *args)
