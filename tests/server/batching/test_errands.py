"""`atomlens.server.batching.batcher`: what workers do beside batches."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from atomlens.server.batching import Batcher
from atomlens.server.errors import EngineError, UnavailableError

from .scenes import ERRAND, Asking, Errands, Held, Queue, atoms, entered, scenario

ANYONE = (Asking(), "errand", ERRAND)


def test_errands_take_their_turns_among_batches(held: Held) -> None:
    """What has waited longest goes first, and nothing is batched with an errand."""

    async def play(batcher: Batcher, queue: Queue) -> None:
        errands = Errands(batcher, held)
        tasks: list[asyncio.Task[Any]] = [queue(atoms(1))]
        await entered(held)
        for number in (-1, -2, 2, -3):
            tasks.append(queue(atoms(number)) if number > 0 else errands.queue(number))
            await asyncio.sleep(0)
        tasks.append(queue(atoms(3)))
        await asyncio.sleep(0)
        held.gate.set()
        results = await asyncio.gather(*tasks)
        assert held.batches == [[1], [-1], [-2], [2, 3], [-3]]
        assert [one for one in results if isinstance(one, int)] == [-1, -2, -3]

    scenario(play, held)


def test_errands_are_done_at_once_when_idle_and_as_many_as_there_are_workers(held: Held) -> None:
    """Each by a worker outside the event loop."""

    async def play(batcher: Batcher, queue: Queue) -> None:
        barrier = threading.Barrier(2)

        def meet() -> str:
            barrier.wait(30)
            return threading.current_thread().name

        names = await asyncio.gather(batcher.run(meet, *ANYONE), batcher.run(meet, *ANYONE))
        assert len(set(names)) == 2
        assert threading.current_thread().name not in names
        assert held.batches == []

    scenario(play, held, workers=2)


def test_an_error_of_an_errand_is_raised_where_it_is_waited_for(held: Held) -> None:
    """And the worker goes on."""

    async def play(batcher: Batcher, queue: Queue) -> None:
        def fail() -> None:
            raise EngineError("thirteen")

        with pytest.raises(EngineError, match="thirteen"):
            await batcher.run(fail, *ANYONE)
        with pytest.raises(ZeroDivisionError):
            await batcher.run(lambda: 1 // 0, *ANYONE)
        assert await batcher.run(lambda: 7, *ANYONE) == 7

    scenario(play, held)


def test_errands_that_nobody_waits_for_are_not_done(held: Held) -> None:
    """Wherever in the queue they are; those that run already end unheard."""

    async def play(batcher: Batcher, queue: Queue) -> None:
        errands = Errands(batcher, held)
        running = queue(atoms(1))
        await entered(held)
        waiting = [errands.queue(name) for name in (-1, -2, -3, -4)]
        await asyncio.sleep(0)
        for index in (0, 2):
            waiting[index].cancel()
        await asyncio.sleep(0)
        held.gate.set()
        await asyncio.gather(running, *waiting, return_exceptions=True)
        assert held.batches == [[1], [-2], [-4]]

    scenario(play, held)


def test_a_running_errand_that_is_left_frees_its_worker(held: Held) -> None:
    """When it has ended, whether it succeeds or fails."""

    async def play(batcher: Batcher, queue: Queue) -> None:
        for fails in (False, True):
            begun, gate = threading.Event(), threading.Event()

            def wait(
                begun: threading.Event = begun, gate: threading.Event = gate, fails: bool = fails
            ) -> None:
                begun.set()
                assert gate.wait(30)
                assert not fails

            left = asyncio.create_task(batcher.run(wait, *ANYONE))
            await asyncio.to_thread(begun.wait, 30)
            left.cancel()
            with pytest.raises(asyncio.CancelledError):
                await left
            gate.set()
            assert await batcher.run(lambda: 7, *ANYONE) == 7

    scenario(play, held)


def test_closing_refuses_errands_that_wait_and_those_that_come_later(held: Held) -> None:
    """What runs is finished."""

    async def play(batcher: Batcher, queue: Queue) -> None:
        begun, gate = threading.Event(), threading.Event()

        def wait() -> int:
            begun.set()
            assert gate.wait(30)
            return 7

        running = asyncio.create_task(batcher.run(wait, *ANYONE))
        await asyncio.to_thread(begun.wait, 30)
        waiting = Errands(batcher, held).queue(-1)
        await asyncio.sleep(0)
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        gate.set()
        await closing
        assert await running == 7
        for task in (waiting, Errands(batcher, held).queue(-2)):
            with pytest.raises(UnavailableError, match="shutting down"):
                await task
        assert held.batches == []

    scenario(play, held)
