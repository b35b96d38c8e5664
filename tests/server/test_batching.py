"""`atomlens.server.batching`: with a model that can be held, so that what waits is known."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from atomlens.server.batching import Batcher, Computed
from atomlens.server.dense_work import DenseWork
from atomlens.server.errors import DeadlineError, EngineError, OverloadedError, UnavailableError
from atomlens.server.model import Model, Outputs
from atomlens.server.neighbors import find_pairs
from atomlens.server.structures import Structures
from atomlens.server.table_work import TableWork
from atomlens.server.work import Work


class Held:
    """Stands in for a model: echoes positions, notes batches, waits until let go, fails on number 13."""

    name = "held"
    card = SimpleNamespace(heads=[SimpleNamespace(name="energy")])

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.entered, self.gate = threading.Semaphore(0), threading.Event()

    def run(self, work: TableWork | DenseWork) -> Outputs:
        """Echo positions."""
        atoms = work.structures if isinstance(work, TableWork) else work
        self.batches.append(atoms.numbers.tolist())
        self.entered.release()
        assert self.gate.wait(30)
        if 13 in atoms.numbers:
            raise EngineError("thirteen")
        return {"energy": atoms.positions[:, 0].astype(np.float64)}


@pytest.fixture
def held() -> Held:
    """A model that is held."""
    return Held()


def atoms(*numbers: int) -> TableWork:
    """Return lone atoms, one structure each, with their numbers as positions: cost 1 each."""
    places = np.array(numbers, float)[:, None] * [1.0, 0, 0]
    one = Structures.molecules([1] * len(numbers), numbers, places)
    return TableWork(one, find_pairs(one, 5.0))


def scenario(
    play: Callable[[Batcher, Callable[..., asyncio.Task[Computed]]], Coroutine[Any, Any, None]],
    held: Held,
    batch_cost: int = 100,
    max_queue_cost: int = 1000,
    workers: int = 1,
) -> None:
    """Play a scene with a batcher and a function that queues work and waits until it is queued."""

    async def main() -> None:
        batcher = Batcher(workers, batch_cost, max_queue_cost)
        tasks: list[asyncio.Task[Computed]] = []

        def queue(work: Work, model: Any = held, **options: Any) -> asyncio.Task[Computed]:
            options = {"deadline": math.inf} | options
            tasks.append(asyncio.create_task(batcher.compute(model, work, **options)))
            return tasks[-1]

        try:
            await asyncio.wait_for(play(batcher, queue), 30)
        finally:
            held.gate.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await batcher.close()

    asyncio.run(main())


async def entered(held: Held) -> None:
    """Wait until the model runs another batch."""
    assert await asyncio.to_thread(held.entered.acquire, True, 30)


def test_idle_workers_do_not_wait_and_busy_ones_fill_the_next_batch(held: Held) -> None:
    """The first piece goes at once, those that come meanwhile together, each with its own answer."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        first = queue(atoms(1))
        await entered(held)
        later = [queue(atoms(2, 3)), queue(atoms(4)), queue(atoms(5, 6))]
        await asyncio.sleep(0)
        held.gate.set()
        results = [await task for task in [first, *later]]
        assert held.batches == [[1], [2, 3, 4, 5, 6]]
        assert [one.outputs["energy"].tolist() for one in results] == [[1], [2, 3], [4], [5, 6]]
        assert [one.batch_cost for one in results] == [1, 5, 5, 5]
        assert results[1].queue_ms > 0

    scenario(play, held)


def test_a_worker_goes_on_without_the_event_loop(held: Held) -> None:
    """The next batch is begun while the loop is held up, with all that waits by then."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        tasks = [queue(atoms(1))]
        await entered(held)
        tasks += [queue(atoms(2)), queue(atoms(3))]
        await asyncio.sleep(0)
        held.gate.set()
        assert held.entered.acquire(True, 30)  # here, on the loop
        assert held.batches == [[1], [2, 3]]
        await asyncio.gather(*tasks)

    scenario(play, held)


def test_work_for_different_graphs_is_not_joined(held: Held) -> None:
    """Though the model is the same."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        dense = [
            DenseWork(np.array([1]), np.array([1]), np.array([number]), np.zeros((1, 3), np.float32))
            for number in (2, 4)
        ]
        queue(atoms(1))
        await entered(held)
        tasks = [queue(dense[0]), queue(atoms(3)), queue(dense[1]), queue(atoms(5))]
        await asyncio.sleep(0)
        held.gate.set()
        await asyncio.gather(*tasks)
        assert held.batches == [[1], [2, 4], [3, 5]]

    scenario(play, held)


def dense(cost: int) -> DenseWork:
    """Return a lone atom of that cost for the dense graph."""
    return DenseWork(np.array([1]), np.array([cost]), np.array([1]), np.zeros((1, 3), np.float32))


async def idle(batcher: Batcher) -> None:
    """Wait until no worker has a turn: one tells the loop of its work before it looks for more."""
    while batcher._idle < batcher._workers:
        await asyncio.sleep(0)


def test_a_trifle_is_computed_on_the_loop_while_nothing_else_is(held: Held) -> None:
    """Once it is known to be one; what costs much more, and anything beside other work, goes to a worker."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        threads: list[bool] = []
        run = held.run

        def noted(work: TableWork | DenseWork) -> Outputs:
            threads.append(threading.current_thread() is threading.main_thread())
            return run(work)

        held.run = noted  # type: ignore[method-assign]
        held.gate.set()
        for cost in (10**9, 1, 1):
            computed = await queue(dense(cost))
            await idle(batcher)
            assert (computed.batch_cost, computed.outputs["energy"].tolist()) == (cost, [0.0])
        assert threads == [False, True, True]
        await queue(dense(10**12))
        await idle(batcher)
        assert threads.pop() is False
        held.gate.clear()
        other = queue(atoms(1))
        for _ in range(5):
            await entered(held)
        beside = queue(dense(1))
        await asyncio.sleep(0)
        held.gate.set()
        await asyncio.gather(other, beside)
        assert threads == [False, True, True, False, False]

    scenario(play, held)


def test_a_trifle_whose_deadline_has_passed_is_not_computed(held: Held) -> None:
    """As any other work."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        held.gate.set()
        await queue(dense(10**9))
        with pytest.raises(DeadlineError, match="passed while the work waited"):
            await queue(dense(1), deadline=asyncio.get_running_loop().time())
        assert len(held.batches) == 1

    scenario(play, held)


def test_a_batch_stays_within_its_cost(held: Held) -> None:
    """Work is taken in order until the next does not fit; what is larger goes alone."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        queue(atoms(1))
        await entered(held)
        tasks = [queue(atoms(*numbers)) for numbers in ([2, 2], [3], [4], [5] * 9, [6], [7])]
        await asyncio.sleep(0)
        held.gate.set()
        await asyncio.gather(*tasks)
        assert held.batches[1:] == [[2, 2, 3], [4], [5] * 9, [6, 7]]

    scenario(play, held, batch_cost=3)


def test_batches_hold_work_of_one_model_oldest_first(held: Held) -> None:
    """Models take turns by the age of their oldest work."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        other = Held()
        other.gate.set()
        queue(atoms(1))
        await entered(held)
        tasks = [queue(atoms(2), other), queue(atoms(3)), queue(atoms(4), other)]
        await asyncio.sleep(0)
        held.gate.set()
        await asyncio.gather(*tasks)
        assert held.batches == [[1], [3]]
        assert other.batches == [[2, 4]]

    scenario(play, held)


def test_work_that_nobody_waits_for_is_not_computed(held: Held) -> None:
    """Neither cancelled work nor work whose deadline passed in the queue."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        queue(atoms(1))
        await entered(held)
        cancelled, expired = queue(atoms(2)), queue(atoms(3), deadline=asyncio.get_running_loop().time())
        wanted = queue(atoms(4))
        await asyncio.sleep(0)
        cancelled.cancel()
        held.gate.set()
        await wanted
        with pytest.raises(DeadlineError, match="passed while the work waited"):
            await expired
        assert held.batches == [[1], [4]]

    scenario(play, held)


def test_one_that_fails_does_not_fail_its_neighbours(held: Held) -> None:
    """The batch is computed again in halves, and what fails alone has no numbers."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        queue(atoms(1))
        await entered(held)
        good, bad, fine = queue(atoms(2)), queue(atoms(13)), queue(atoms(3))
        await asyncio.sleep(0)
        held.gate.set()
        assert (await good).outputs["energy"].tolist() == [2]
        assert (await fine).outputs["energy"].tolist() == [3]
        assert np.isnan((await bad).outputs["energy"]).all()
        assert (await queue(atoms(4))).outputs["energy"].tolist() == [4]

    scenario(play, held)


def test_a_full_queue_refuses(held: Held) -> None:
    """By cost; what is being computed has left it, and an empty queue takes work of any cost."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        queue(atoms(*[1] * 50))
        await entered(held)
        queue(atoms(*[2] * 8))
        refused, fits = queue(atoms(3, 3, 3)), queue(atoms(4, 4))
        with pytest.raises(OverloadedError, match="the queue is full: it holds 8 of at most 10"):
            await refused
        held.gate.set()
        await fits

    scenario(play, held, max_queue_cost=10)


def test_patient_work_waits_for_room(held: Held) -> None:
    """And is computed when there is some."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        queue(atoms(1))
        await entered(held)
        queue(atoms(*[2] * 8))
        patient = [queue(atoms(*[number] * 9), patient=True) for number in (3, 4, 5)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in patient)
        held.gate.set()
        assert [len((await task).outputs["energy"]) for task in patient] == [9, 9, 9]
        assert held.batches[2:] == [[3] * 9, [4] * 9, [5] * 9]

    scenario(play, held, batch_cost=9, max_queue_cost=10)


def test_closing_finishes_what_runs_and_refuses_the_rest(held: Held) -> None:
    """Those that wait in the queue, those that wait for room in it, and those that come later."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        running = queue(atoms(1))
        await entered(held)
        waiting, patient = queue(atoms(*[2] * 8)), queue(atoms(*[3] * 9), patient=True)
        await asyncio.sleep(0)
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        held.gate.set()
        await closing
        assert (await running).outputs["energy"].tolist() == [1]
        for task in (waiting, patient, queue(atoms(4))):
            with pytest.raises(UnavailableError, match="shutting down"):
                await task
        assert held.batches == [[1]]

    scenario(play, held, max_queue_cost=10)


def test_several_workers_compute_at_once(held: Held) -> None:
    """As many batches as there are workers."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        tasks = [queue(atoms(number)) for number in (1, 2, 3)]
        await entered(held)
        await entered(held)
        assert sorted(held.batches) == [[1], [2]]
        held.gate.set()
        await asyncio.gather(*tasks)
        assert sorted(held.batches) == [[1], [2], [3]]

    scenario(play, held, workers=2)


def test_a_padded_table_closes_a_batch(held: Held) -> None:
    """An atom with many neighbors is not put beside many atoms with few."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        clump = Structures.molecules([20], [9] * 20, np.random.default_rng(0).uniform(0, 1, (20, 3)))
        queue(atoms(1))
        await entered(held)
        tasks = [queue(TableWork(clump, find_pairs(clump, 5.0))), queue(atoms(*[2] * 90))]
        await asyncio.sleep(0)
        held.gate.set()
        await asyncio.gather(*tasks)
        assert held.batches[1:] == [[9] * 20, [2] * 90]

    scenario(play, held, batch_cost=500)


def test_what_real_models_say_is_split_as_it_was_joined(model: Model, g2: Structures) -> None:
    """Forty pieces of one molecule each get the outputs that they have alone."""

    async def main() -> None:
        batcher = Batcher(2, 2000, 10**6)
        works = [model.prepare(g2.take([row])) for row in range(40)]
        computed = await asyncio.gather(*[batcher.compute(model, work, math.inf) for work in works])
        for one, work in zip(computed, works, strict=True):
            assert np.abs(one.outputs["energy"] - model.run(work)["energy"]).max() < 4e-6
        await batcher.close()

    asyncio.run(main())


class Errands:
    """What was done, in order, by errands and batches alike."""

    def __init__(self, batcher: Batcher, held: Held) -> None:
        self._batcher, self._held = batcher, held

    def queue(self, name: int) -> asyncio.Task[int]:
        """Queue an errand that notes itself beside the batches and returns its name."""

        def note() -> int:
            self._held.batches.append([name])
            return name

        return asyncio.create_task(self._batcher.run(note))


def test_errands_take_their_turns_among_batches(held: Held) -> None:
    """What has waited longest goes first, and nothing is batched with an errand."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
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

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        barrier = threading.Barrier(2)

        def meet() -> str:
            barrier.wait(30)
            return threading.current_thread().name

        names = await asyncio.gather(batcher.run(meet), batcher.run(meet))
        assert len(set(names)) == 2
        assert threading.current_thread().name not in names
        assert held.batches == []

    scenario(play, held, workers=2)


def test_an_error_of_an_errand_is_raised_where_it_is_waited_for(held: Held) -> None:
    """And the worker goes on."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        def fail() -> None:
            raise EngineError("thirteen")

        with pytest.raises(EngineError, match="thirteen"):
            await batcher.run(fail)
        with pytest.raises(ZeroDivisionError):
            await batcher.run(lambda: 1 // 0)
        assert await batcher.run(lambda: 7) == 7

    scenario(play, held)


def test_errands_that_nobody_waits_for_are_not_done(held: Held) -> None:
    """Wherever in the queue they are; those that run already end unheard."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
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

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        for fails in (False, True):
            begun, gate = threading.Event(), threading.Event()

            def wait(
                begun: threading.Event = begun, gate: threading.Event = gate, fails: bool = fails
            ) -> None:
                begun.set()
                assert gate.wait(30)
                assert not fails

            left = asyncio.create_task(batcher.run(wait))
            await asyncio.to_thread(begun.wait, 30)
            left.cancel()
            with pytest.raises(asyncio.CancelledError):
                await left
            gate.set()
            assert await batcher.run(lambda: 7) == 7

    scenario(play, held)


def test_closing_refuses_errands_that_wait_and_those_that_come_later(held: Held) -> None:
    """What runs is finished."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        begun, gate = threading.Event(), threading.Event()

        def wait() -> int:
            begun.set()
            assert gate.wait(30)
            return 7

        running = asyncio.create_task(batcher.run(wait))
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


def test_who_waits_for_room_is_let_in_when_others_give_up(held: Held) -> None:
    """Also where cancelled work alone filled the queue, so that nothing is computed that would tell."""

    async def play(batcher: Batcher, queue: Callable[..., asyncio.Task[Computed]]) -> None:
        queue(atoms(1))
        await entered(held)
        doomed = [queue(atoms(2)), queue(atoms(3))]
        await asyncio.sleep(0)
        patient = queue(atoms(4), patient=True)
        await asyncio.sleep(0)
        for task in doomed:
            task.cancel()
        await asyncio.sleep(0)
        held.gate.set()
        await patient
        assert held.batches == [[1], [4]]

    for _ in range(20):
        held.batches.clear()
        held.gate.clear()
        scenario(play, held, batch_cost=1, max_queue_cost=2)
