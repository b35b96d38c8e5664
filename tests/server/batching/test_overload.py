"""`atomlens.server.batching`: more work than there is time or room for."""

from __future__ import annotations

import asyncio

import pytest

from atomlens.server.batching import Batcher
from atomlens.server.batching.forecast import MAX_RETRY_SECONDS, MIN_RETRY_SECONDS, UNKNOWN_RETRY_SECONDS
from atomlens.server.batching.rates import WARM
from atomlens.server.errors import DeadlineError, OverloadedError

from .scenes import BULK, INTERACTIVE, Held, Noted, Queue, atoms, dense, entered, scenario


def test_interactive_work_passes_bulk_work(held: Held) -> None:
    """Though it came later: the next turn is its own."""

    async def play(batcher: Batcher, queue: Queue) -> None:
        queue(atoms(1))
        await entered(held)
        tasks = [queue(dense(100), priority=BULK), queue(dense(100), priority=BULK), queue(atoms(2))]
        await asyncio.sleep(0)
        held.gate.set()
        await asyncio.gather(*tasks)
        assert held.batches == [[1], [2], [1], [1]]

    scenario(play, held)


def test_a_call_enters_whole_or_not_at_all(held: Held) -> None:
    """Of one that is refused, nothing is computed."""
    noted = Noted()

    async def play(batcher: Batcher, queue: Queue) -> None:
        queue(atoms(1))
        await entered(held)
        waiting, refused = queue(atoms(2, 2, 2)), queue(atoms(3, 3), atoms(4, 4), atoms(5, 5, 5, 5))
        with pytest.raises(OverloadedError, match="a cost of 3 waits, 8 would come to it"):
            await refused
        assert batcher.cost == 3
        held.gate.set()
        await waiting
        assert held.batches == [[1], [2, 2, 2]]
        assert noted.of("refused") == [("QUEUE_FULL",)]

    scenario(play, held, noted, max_queue_cost=10)


def test_a_cancelled_call_takes_all_its_pieces_out(held: Held) -> None:
    """Its room is there for others at once, while the worker is still busy."""

    async def play(batcher: Batcher, queue: Queue) -> None:
        queue(atoms(1))
        await entered(held)
        doomed = queue(atoms(2, 2), atoms(3, 3), atoms(4, 4))
        await asyncio.sleep(0)
        patient = queue(atoms(*[5] * 9), patient=True)
        await asyncio.sleep(0)
        assert batcher.cost == 6
        doomed.cancel()
        await asyncio.wait({doomed})
        assert batcher.cost == 9  # of who waited for room
        held.gate.set()
        await patient
        assert held.batches == [[1], [5] * 9]

    scenario(play, held, max_queue_cost=10)


def test_bulk_work_does_not_shut_out_interactive_work(held: Held) -> None:
    """It is refused, or waits, when three quarters of the queue are full of it."""

    async def play(batcher: Batcher, queue: Queue) -> None:
        queue(atoms(1))
        await entered(held)
        bulk = queue(atoms(2, 2, 2, 2), atoms(3, 3), priority=BULK)
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="bulk work"):
            await queue(atoms(4, 4), priority=BULK)
        patient, urgent = queue(atoms(4, 4), priority=BULK, patient=True), queue(atoms(5, 5))
        await asyncio.sleep(0)
        assert (batcher.waiting(BULK).cost, batcher.waiting(INTERACTIVE).cost) == (6, 2)
        held.gate.set()
        await asyncio.gather(bulk, patient, urgent)

    scenario(play, held, max_queue_cost=10)


def test_bulk_work_is_computed_though_interactive_work_keeps_the_queue_full(held: Held) -> None:
    """It enters, and has its turn after a few batches, whatever else comes."""

    async def play(batcher: Batcher, queue: Queue) -> None:
        held.gate.set()
        bulk = queue(dense(77), priority=BULK, patient=True)
        urgent = {queue(atoms(*[2] * 9), patient=True) for _ in range(10)}
        while not bulk.done():
            done, urgent = await asyncio.wait(urgent, return_when=asyncio.FIRST_COMPLETED)
            urgent |= {queue(atoms(*[2] * 9), patient=True) for _ in done}
        assert len(held.batches) < 30

    scenario(play, held, batch_cost=10, max_queue_cost=20)


def test_one_client_is_refused_and_others_are_not(held: Held) -> None:
    """The error names the limit, and its reason tells it from a queue that is full."""

    async def play(batcher: Batcher, queue: Queue) -> None:
        queue(atoms(1))
        await entered(held)
        queue(atoms(2, 2, 2), client="a")
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="`max_client_cost` allows 4") as caught:
            await queue(atoms(3, 3), client="a")
        assert caught.value.reason == "CLIENT_QUEUE_FULL"
        assert caught.value.retry_seconds is not None
        other = queue(atoms(4, 4), client="b")
        held.gate.set()
        await other

    scenario(play, held, max_client_cost=4)


def measured(batcher: Batcher, ms_per_cost: float) -> None:
    """Have the batcher believe that dense work takes so long."""
    for _ in range(WARM):
        batcher._crew.rates.note(("held", type(dense(1))), 100, 100 * ms_per_cost)


def test_work_that_cannot_be_done_in_time_is_refused_early(held: Held) -> None:
    """When what waits before it takes far longer; the error tells how long. In less doubt it is let in."""
    noted = Noted()

    async def play(batcher: Batcher, queue: Queue) -> None:
        now = asyncio.get_running_loop().time
        measured(batcher, 1000.0)
        queue(atoms(1))
        await entered(held)
        queue(dense(300), dense(300))
        await asyncio.sleep(0)
        with pytest.raises(
            DeadlineError, match=r"would take about 6\.1e\+02 s, and the deadline leaves"
        ) as caught:
            await queue(dense(10), deadline=now() + 300)
        assert caught.value.reason == "TOO_LITTLE_TIME"
        assert noted.of("refused") == [("TOO_LITTLE_TIME",)]
        likely = queue(dense(10), deadline=now() + 400)
        await asyncio.sleep(0)
        assert not likely.done()
        assert batcher.cost == 610

    scenario(play, held, noted)


def test_interactive_work_is_not_refused_for_the_bulk_work_that_it_passes(held: Held) -> None:
    """Only what is computed before it counts."""

    async def play(batcher: Batcher, queue: Queue) -> None:
        deadline = asyncio.get_running_loop().time() + 100
        measured(batcher, 1000.0)
        queue(atoms(1))
        await entered(held)
        queue(dense(600), priority=BULK)
        await asyncio.sleep(0)
        urgent = queue(dense(10), deadline=deadline)
        with pytest.raises(DeadlineError, match="would take about"):
            await queue(dense(10), deadline=deadline, priority=BULK)
        assert not urgent.done()

    scenario(play, held)


def test_nothing_is_refused_on_a_cold_estimate(held: Held) -> None:
    """Where it is not known how long work takes, the deadline itself decides."""

    async def play(batcher: Batcher, queue: Queue) -> None:
        queue(atoms(1))
        await entered(held)
        queue(dense(900))
        late = queue(dense(100), deadline=asyncio.get_running_loop().time() + 0.2)
        with pytest.raises(DeadlineError, match="passed while the work waited"):
            await late

    scenario(play, held)


def test_who_waits_for_room_is_late_there_too(held: Held) -> None:
    """It does not enter the queue any more."""

    async def play(batcher: Batcher, queue: Queue) -> None:
        queue(atoms(1))
        await entered(held)
        queue(atoms(*[2] * 10))
        late = queue(atoms(3), patient=True, deadline=asyncio.get_running_loop().time() + 0.2)
        with pytest.raises(DeadlineError, match="passed while the work waited"):
            await late
        held.gate.set()
        await queue(atoms(4), patient=True)
        assert [3] not in held.batches

    scenario(play, held, max_queue_cost=10)


@pytest.mark.parametrize(
    ("ms_per_cost", "seconds"),
    [
        (0.0, UNKNOWN_RETRY_SECONDS),
        (1.0, MIN_RETRY_SECONDS),
        (100.0, 2.0),
        (10**6, MAX_RETRY_SECONDS),
    ],
)
def test_a_refusal_tells_when_there_will_be_room(held: Held, ms_per_cost: float, seconds: float) -> None:
    """After the time that the excess takes, if that is known, within reason."""

    async def play(batcher: Batcher, queue: Queue) -> None:
        measured(batcher, ms_per_cost) if ms_per_cost else None
        queue(atoms(1))
        await entered(held)
        queue(dense(990))
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError) as caught:
            await queue(dense(30))
        assert caught.value.retry_seconds == pytest.approx(seconds)

    scenario(play, held)
