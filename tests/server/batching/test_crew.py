"""`atomlens.server.batching.crew`: what happens to workers, and what is told of their work."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from functools import partial
from typing import Any

import numpy as np
import pytest

from atomlens.server.batching import Batcher
from atomlens.server.batching.batch_costs import GOOD_BATCHES
from atomlens.server.dense_work import DenseWork
from atomlens.server.engine import NO_MEMORY
from atomlens.server.errors import EngineError, OutOfMemoryError
from atomlens.server.model import Outputs
from atomlens.server.table_work import TableWork

from .scenes import (
    BULK,
    ERRAND,
    INTERACTIVE,
    Asking,
    Held,
    Noted,
    Queue,
    atoms,
    dense,
    entered,
    idle,
    scenario,
)


class Narrow(Held):
    """A model that has memory for so many atoms at once, and says it as ONNX Runtime does."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.gate.set()

    def run(self, work: TableWork | DenseWork) -> Outputs:
        """Echo positions, if there are not too many."""
        outputs = super().run(work)
        if len(outputs["energy"]) > self.most:
            raise EngineError("the runtime failed") from RuntimeError(
                "Failed to allocate memory for requested buffer"
            )
        return outputs


class Shared(Held):
    """A model that has memory for one batch at a time, of which the first two meet."""

    def __init__(self) -> None:
        super().__init__()
        self.gate.set()
        self._meeting, self._first, self._lock = threading.Barrier(2), [1, 2], threading.Lock()
        self._running = self.refused = 0

    def run(self, work: TableWork | DenseWork) -> Outputs:
        """Echo positions, if nobody else does."""
        with self._lock:
            self._running += 1
            meets = bool(self._first and self._first.pop())
        try:
            if meets:
                self._meeting.wait(30)
            if self._running > 1:
                self.refused += 1
                raise EngineError("the runtime failed") from RuntimeError("Failed to allocate memory")
            return super().run(work)
        finally:
            with self._lock:
                self._running -= 1


class Crash(BaseException):
    """What nobody expects."""


def test_out_of_memory_halves_the_batch_and_the_next_ones_are_smaller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Every structure is answered; what was learned holds for the next batches and is told."""
    noted, narrow = Noted(), Narrow(5)

    async def play(batcher: Batcher, queue: Queue) -> None:
        first = await queue(atoms(*range(1, 13)))
        assert first.outputs["energy"].tolist() == list(range(1, 13))
        assert [len(batch) for batch in narrow.batches] == [12, 6, 3, 3, 6, 3, 3]
        assert batcher.batch_cost_of(narrow, atoms(1)) == 3  # type: ignore[arg-type]
        assert batcher.batch_cost_of(narrow, dense(1)) == 12  # type: ignore[arg-type]
        narrow.batches.clear()
        await asyncio.gather(*[queue(atoms(number)) for number in range(1, 9)])
        assert max(map(len, narrow.batches)) <= 3
        assert noted.of("out_of_memory") == [("held",)] * 3

    with caplog.at_level(logging.WARNING):
        scenario(play, narrow, noted, batch_cost=12)
    assert "out of memory at a cost of 12: batches cost at most 6 from now on" in caplog.text


def test_after_many_good_batches_larger_ones_are_tried_again() -> None:
    """Up to what was set, where memory suffices again."""
    narrow = Narrow(5)

    async def play(batcher: Batcher, queue: Queue) -> None:
        await queue(atoms(*range(20, 32)))
        narrow.most = 100
        for _ in range(12 * GOOD_BATCHES):
            await queue(atoms(1))
        assert batcher.batch_cost_of(narrow, atoms(1)) == 12  # type: ignore[arg-type]

    scenario(play, narrow, batch_cost=12)


def test_one_structure_that_memory_is_short_for_is_marked() -> None:
    """It fails alone, and batches stay as large as they were: smaller ones would not help."""
    narrow = Narrow(2)

    async def play(batcher: Batcher, queue: Queue) -> None:
        large = DenseWork(np.array([3]), np.array([9]), np.array([1, 1, 1]), np.zeros((3, 3), np.float32))
        computed = await queue(large)
        assert np.isnan(computed.outputs["energy"]).all()
        assert computed.outputs[NO_MEMORY].tolist() == [1, 1, 1]
        assert batcher.batch_cost_of(narrow, large) == 100  # type: ignore[arg-type]

    scenario(play, narrow)


def test_a_crashed_worker_goes_on(held: Held, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever it raises, those who wait get a clear error, and as many workers compute what comes next."""
    noted, run = Noted(), held.run

    def crash(work: Any) -> Outputs:
        run(work)
        raise Crash("what nobody expects")

    async def play(batcher: Batcher, queue: Queue) -> None:
        held.gate.set()
        held.run = crash  # type: ignore[method-assign]
        for tasks in ([queue(atoms(1)), queue(atoms(2))], [queue(atoms(3))]):
            for task in tasks:
                with pytest.raises(EngineError, match="worker that computed this crashed") as caught:
                    await task
                assert caught.value.reason == "WORKER_CRASHED"
        with pytest.raises(EngineError, match="worker that computed this crashed"):
            await batcher.run(lambda: crash(atoms(4)), Asking(), "errand", ERRAND)
        held.run = run  # type: ignore[method-assign]
        await idle(batcher)
        held.gate.clear()
        tasks = [queue(atoms(5)), queue(atoms(6))]
        held.batches.clear()
        while len(held.batches) < 2:
            await asyncio.sleep(0)
        held.gate.set()
        assert [(await task).outputs["energy"].tolist() for task in tasks] == [[5], [6]]
        assert len(noted.of("worker_replaced")) >= 3

    with caplog.at_level(logging.CRITICAL):
        scenario(play, held, noted, workers=2)
    assert "a worker crashed and goes on" in caplog.text
    assert "what nobody expects" in str(caplog.records[0].exc_info)


def test_a_worker_that_ends_while_it_looks_for_work_is_replaced(
    held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    """What waits is computed by another."""
    noted = Noted()

    async def play(batcher: Batcher, queue: Queue) -> None:
        turns, next_turn = batcher._crew.queue, batcher._crew.queue.next_turn
        running = queue(atoms(1))
        await entered(held)
        waiting = queue(atoms(2))
        await asyncio.sleep(0)

        def fail() -> Any:
            turns.next_turn = next_turn  # type: ignore[method-assign]
            raise MemoryError

        turns.next_turn = fail  # type: ignore[method-assign]
        held.gate.set()
        assert (await running).outputs["energy"].tolist() == [1]
        assert (await waiting).outputs["energy"].tolist() == [2]
        await idle(batcher)
        assert noted.of("worker_replaced") == [()]

    with caplog.at_level(logging.CRITICAL):
        scenario(play, held, noted)
    assert "a worker ended and is replaced" in caplog.text


def test_what_is_done_is_told(held: Held) -> None:
    """Who waited, and of each batch its structures, cost, capacity and how full its arrays were."""
    noted = Noted()

    async def play(batcher: Batcher, queue: Queue) -> None:
        held.gate.set()
        await queue(atoms(1, 2, 3), priority=BULK)
        await idle(batcher)
        await queue(dense(7))
        await idle(batcher)
        await batcher.run(lambda: None, Asking(), "errand", ERRAND)
        assert noted.of("batch") == [("held", 3, 3, 100, 0, 3), ("held", 1, 7, 100, 1, 0)]
        assert noted.of("waited") == [("bulk",), ("interactive",), ("interactive",)]

    scenario(play, held, noted)


def test_what_waits_can_be_asked(held: Held) -> None:
    """By priority: pieces of work, atoms, and cost; and how many workers are idle."""

    async def play(batcher: Batcher, queue: Queue) -> None:
        assert (batcher.workers, batcher.idle_workers) == (1, 1)
        queue(atoms(1))
        await entered(held)
        assert batcher.idle_workers == 0
        queue(atoms(2, 3)), queue(dense(7)), queue(dense(9), priority=BULK)
        await asyncio.sleep(0)
        assert batcher.waiting(INTERACTIVE) == (2, 3, 9)
        assert batcher.waiting(BULK) == (1, 1, 9)
        assert batcher.cost == 18

    scenario(play, held)


def test_a_structure_that_has_no_room_beside_others_is_computed_alone() -> None:
    """It is not refused for what others compute at the same time."""
    noted, shared = Noted(), Shared()

    async def play(batcher: Batcher, queue: Queue) -> None:
        results = await asyncio.gather(*[queue(atoms(number)) for number in range(1, 9)])
        assert [result.outputs["energy"].tolist() for result in results] == [[one] for one in range(1, 9)]
        assert not any(NO_MEMORY in result.outputs for result in results)

    scenario(play, shared, noted, batch_cost=1, workers=2)
    assert len(noted.of("out_of_memory")) == shared.refused >= 1


def test_a_worker_that_never_rests_keeps_nothing_of_what_it_has_done(held: Held) -> None:
    """A model that is served no more, and what calls brought, is free though others have work for it."""
    has_begun, goes_on, done = threading.Semaphore(0), threading.Semaphore(0), threading.Event()

    def hold(_: object, until: threading.Semaphore | threading.Event) -> None:
        has_begun.release()
        assert until.acquire(timeout=30) if isinstance(until, threading.Semaphore) else until.wait(30)

    async def play(batcher: Batcher, _: Queue) -> None:
        model = Held("old")
        is_alive = weakref.ref(model)
        first = asyncio.create_task(batcher.run(partial(hold, model, goes_on), Asking(), "errand", ERRAND))
        del model
        assert await asyncio.to_thread(has_begun.acquire, True, 30)
        second = asyncio.create_task(batcher.run(partial(hold, None, done), Asking(), "errand", ERRAND))
        await asyncio.sleep(0)
        goes_on.release()
        await first
        del first
        assert await asyncio.to_thread(has_begun.acquire, True, 30)
        gc.collect()
        try:
            assert is_alive() is None
        finally:
            done.set()
        await second

    scenario(play, held)


def test_an_errand_that_has_no_room_beside_others_is_run_alone(held: Held) -> None:
    """A probe does not fail for what others compute; where memory is short even then, the caller is told."""
    failures = [MemoryError(), EngineError("the runtime failed: Failed to allocate memory")]

    def fail_twice() -> str:
        if failures:
            raise failures.pop()
        return "done"

    def starve() -> None:
        raise MemoryError

    async def play(batcher: Batcher, _: Queue) -> None:
        with pytest.raises(OutOfMemoryError, match="even alone"):
            await batcher.run(fail_twice, Asking(), "errand", ERRAND)
        assert await batcher.run(fail_twice, Asking(), "errand", ERRAND) == "done"
        failures.append(MemoryError())
        assert await batcher.run(fail_twice, Asking(), "errand", ERRAND) == "done"
        with pytest.raises(OutOfMemoryError):
            await batcher.run(starve, Asking(), "errand", ERRAND)

    scenario(play, held)
