"""`atomlens.server.batching.batcher`: with a model that can be held, so that what waits is known."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from atomlens.server.batching import Batcher
from atomlens.server.dense_work import DenseWork
from atomlens.server.errors import DeadlineError, OverloadedError, UnavailableError
from atomlens.server.model import Model, Outputs
from atomlens.server.neighbors import find_pairs
from atomlens.server.settings.queueing import QueueingSettings
from atomlens.server.structures import Structures
from atomlens.server.table_work import TableWork

from .scenes import Asking, Held, Noted, Queue, atoms, dense, entered, idle, scenario


def test_idle_workers_do_not_wait_and_busy_ones_fill_the_next_batch(held: Held) -> None:
    """The first piece goes at once, those that come meanwhile together, each with its own answer."""

    async def play(batcher: Batcher, queue: Queue) -> None:
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

    async def play(batcher: Batcher, queue: Queue) -> None:
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

    async def play(batcher: Batcher, queue: Queue) -> None:
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


def test_a_trifle_is_computed_on_the_loop_while_nothing_else_is(held: Held) -> None:
    """Once it is known to be one; what costs much more, and anything beside other work, goes to a worker."""

    async def play(batcher: Batcher, queue: Queue) -> None:
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

    async def play(batcher: Batcher, queue: Queue) -> None:
        held.gate.set()
        await queue(dense(10**9))
        with pytest.raises(DeadlineError, match="passed before the work was queued"):
            await queue(dense(1), deadline=asyncio.get_running_loop().time())
        assert len(held.batches) == 1

    scenario(play, held)


def test_a_batch_stays_within_its_cost(held: Held) -> None:
    """Work is taken in order until the next does not fit; what is larger goes alone."""

    async def play(batcher: Batcher, queue: Queue) -> None:
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

    async def play(batcher: Batcher, queue: Queue) -> None:
        other = Held("other")
        other.gate.set()
        queue(atoms(1))
        await entered(held)
        tasks = [queue(atoms(2), model=other), queue(atoms(3)), queue(atoms(4), model=other)]
        await asyncio.sleep(0)
        held.gate.set()
        await asyncio.gather(*tasks)
        assert held.batches == [[1], [3]]
        assert other.batches == [[2, 4]]

    scenario(play, held)


def test_work_that_nobody_waits_for_leaves_the_queue_at_once(held: Held) -> None:
    """Cancelled work and work whose deadline passes there: before a worker happens on them, and for good."""
    noted = Noted()

    async def play(batcher: Batcher, queue: Queue) -> None:
        queue(atoms(1))
        await entered(held)
        cancelled, wanted = queue(atoms(2, 2, 2)), queue(atoms(4))
        expired = queue(atoms(3, 3), deadline=asyncio.get_running_loop().time() + 0.2)
        await asyncio.sleep(0)
        assert batcher.cost == 6
        cancelled.cancel()
        await asyncio.wait({cancelled})
        assert batcher.cost < 6 - 2
        with pytest.raises(DeadlineError, match="passed while the work waited"):
            await expired
        assert batcher.cost == 1
        held.gate.set()
        await wanted
        assert held.batches == [[1], [4]]
        assert sorted(noted.of("dropped")) == [("CANCELLED",), ("DEADLINE",)]

    scenario(play, held, noted)


def test_a_worker_does_not_compute_what_the_loop_has_not_taken_out_yet(held: Held) -> None:
    """Neither cancelled nor late work, though the loop is held up and cannot act on it."""
    noted = Noted()

    async def play(batcher: Batcher, queue: Queue) -> None:
        running = queue(atoms(1))
        await entered(held)
        deadline = asyncio.get_running_loop().time() + 0.05
        late = queue(atoms(2), deadline=deadline)
        queue(atoms(3))
        await asyncio.sleep(0)
        while asyncio.get_running_loop().time() < deadline:
            pass  # the loop is held up, and its timers with it
        held.gate.set()
        assert held.entered.acquire(True, 30)  # here, on the loop
        await running
        with pytest.raises(DeadlineError, match="passed while the work waited"):
            await late
        assert held.batches == [[1], [3]]
        assert noted.of("dropped") == [("DEADLINE",)]

    scenario(play, held, noted)


def test_one_that_fails_does_not_fail_its_neighbours(held: Held) -> None:
    """The batch is computed again in halves, and what fails alone has no numbers."""

    async def play(batcher: Batcher, queue: Queue) -> None:
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

    async def play(batcher: Batcher, queue: Queue) -> None:
        queue(atoms(*[1] * 50))
        await entered(held)
        queue(atoms(*[2] * 8))
        refused, fits = queue(atoms(3, 3, 3)), queue(atoms(4, 4))
        with pytest.raises(OverloadedError, match="full for everybody: a cost of 8 waits, 3"):
            await refused
        held.gate.set()
        await fits

    scenario(play, held, max_queue_cost=10)


def test_patient_work_waits_for_room(held: Held) -> None:
    """And is computed when there is some."""

    async def play(batcher: Batcher, queue: Queue) -> None:
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

    async def play(batcher: Batcher, queue: Queue) -> None:
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

    async def play(batcher: Batcher, queue: Queue) -> None:
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

    async def play(batcher: Batcher, queue: Queue) -> None:
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
        batcher = Batcher(QueueingSettings(workers=2, batch_cost=2000))
        works = [model.prepare(g2.take([row])) for row in range(40)]
        computed = await asyncio.gather(*[batcher.compute(model, [work], Asking()) for work in works])
        for (one,), work in zip(computed, works, strict=True):
            assert np.abs(one.outputs["energy"] - model.run(work)["energy"]).max() < 4e-6
        await batcher.close()

    asyncio.run(main())


def test_who_waits_for_room_is_let_in_when_others_give_up(held: Held) -> None:
    """Also where cancelled work alone filled the queue, so that nothing is computed that would tell."""

    async def play(batcher: Batcher, queue: Queue) -> None:
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
