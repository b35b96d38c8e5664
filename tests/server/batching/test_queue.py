"""`atomlens.server.batching.queue`: whose turn it is, told without threads and without clocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atomlens.server.batching.jobs import Errand, Job, Waiting
from atomlens.server.batching.queue import FILLED, INTERACTIVE_BATCHES, Queue
from atomlens.server.work import Load

from .scenes import BULK, INTERACTIVE, Asking, Held, atoms

BATCH = 100


class Never:
    """Stands in for a future: there is no event loop."""


def job(cost: int, kind: str = "a", client: str = "", **caller: Any) -> Job:
    """Return a job of that cost."""
    future: asyncio.Future[Any] = Never()  # type: ignore[assignment]
    return Job(Asking(client=client, **caller), kind, Load(cost, 1, 1), 0.0, future, Held(), atoms(1))  # type: ignore[arg-type]


def errand(cost: int = 1, **caller: Any) -> Errand:
    """Return an errand of that cost."""
    future: asyncio.Future[Any] = Never()  # type: ignore[assignment]
    return Errand(Asking(**caller), "errand", Load(cost, 0, 1), 0.0, future, lambda: None)


def filled(
    *some: Waiting, is_wanted: Callable[[Waiting], bool] = lambda _: True, costs: dict[Any, int] | None = None
) -> Queue:
    """Return a queue that things were put into, whose batches cost at most 100 or what is said."""
    queue = Queue(BATCH, lambda kind: (costs or {}).get(kind, BATCH), is_wanted)
    for one in some:
        queue.put(one)
    return queue


def turns(queue: Queue) -> list[Any]:
    """Return all turns there are, each as a list."""
    taken = []
    while (turn := queue.next_turn()) is not None:
        taken.append([turn] if isinstance(turn, Errand) else turn)
    return taken


def test_interactive_work_goes_before_bulk_work() -> None:
    """Though it came later, and errands as well as jobs; of one priority the oldest goes first."""
    bulk, slab = job(90, priority=BULK), errand(priority=BULK)
    urgent, other, look = job(90), job(90, "b"), errand()
    queue = filled(bulk, slab, urgent, look, other)
    assert turns(queue) == [[urgent], [look], [other], [bulk], [slab]]
    assert queue.next_turn() is None


@pytest.mark.parametrize("cost", [1, 30, 100, 1000])
def test_bulk_work_is_never_starved(cost: int) -> None:
    """However much interactive work comes, the oldest bulk work waits for a few batches of it at most."""
    queue, waited = filled(job(BATCH, "bulk", priority=BULK)), 0
    for _ in range(10):
        for _ in range(10 * BATCH):
            queue.put(job(cost))
        turn = queue.next_turn()
        while isinstance(turn, list) and turn[0].kind != "bulk":
            waited += sum(one.load.cost for one in turn)
            turn = queue.next_turn()
        assert waited < INTERACTIVE_BATCHES * BATCH + max(cost, BATCH)
        queue.put(job(BATCH, "bulk", priority=BULK))
        waited = 0


def test_interactive_work_that_passes_nobody_is_not_counted() -> None:
    """Bulk work that comes to a queue that was busy waits its time from then on."""
    queue = filled(*[job(BATCH) for _ in range(20)])
    for _ in range(10):
        queue.next_turn()
    bulk = job(1, "bulk", priority=BULK)
    queue.put(bulk)
    assert [[bulk] in [queue.next_turn()] for _ in range(INTERACTIVE_BATCHES + 1)] == [False] * 4 + [True]


def test_every_kind_of_bulk_work_has_its_turn() -> None:
    """The oldest goes first, whatever its kind is: to fill batches of others is no turn."""
    first = job(1, "rare", priority=BULK)
    queue, taken = filled(first, *[job(1, priority=BULK) for _ in range(1000)]), 0
    while True:
        for _ in range(90):
            queue.put(job(1))
        turn = queue.next_turn()
        if turn == [first]:
            break
        taken += 1
    assert taken <= INTERACTIVE_BATCHES + 1


def test_a_batch_is_filled_with_work_of_its_kind() -> None:
    """In order until the next does not fit; what is larger goes alone."""
    jobs = [job(cost) for cost in (40, 60, 1, 300, 99, 2)]
    other = job(10, "b")
    assert turns(filled(*jobs, other)) == [jobs[:2], jobs[2:3], jobs[3:4], jobs[4:5], jobs[5:6], [other]]


def test_bulk_work_fills_an_interactive_batch_to_a_quarter() -> None:
    """Whoever waits for the answer waits for that too; a batch that has as much by itself is not filled."""
    urgent, bulk = job(5), [job(10, priority=BULK) for _ in range(4)]
    assert turns(filled(*bulk, urgent)) == [[urgent, *bulk[:2]], bulk[2:]]
    large, small = job(BATCH // FILLED), job(1, priority=BULK)
    assert turns(filled(small, large)) == [[large], [small]]


def test_a_batch_that_bulk_work_began_takes_interactive_work_along_first() -> None:
    """It would wait for the batch anyway."""
    queue = filled(*[job(BATCH, "b") for _ in range(INTERACTIVE_BATCHES)], job(50, priority=BULK))
    for _ in range(INTERACTIVE_BATCHES):
        queue.next_turn()
    urgent, more = [job(20), job(20)], job(10, priority=BULK)
    queue.put(more)
    for one in urgent:
        queue.put(one)
    turn = queue.next_turn()
    assert isinstance(turn, list)
    assert [one.load.cost for one in turn] == [50, 20, 20, 10]


def test_kinds_may_have_batch_costs_of_their_own() -> None:
    """A batch is closed at what its kind may cost now."""
    jobs = [job(10, "small") for _ in range(4)]
    assert turns(filled(*jobs, costs={"small": 25})) == [jobs[:2], jobs[2:]]


def test_what_nobody_wants_is_passed_over() -> None:
    """At the beginning of a batch and inside it, errands too; and it is gone."""
    good, bad, lost = [job(10) for _ in range(3)], [job(10) for _ in range(3)], errand()
    unwanted = {id(one) for one in (*bad, lost)}
    order: list[Waiting] = [lost, bad[0], good[0], bad[1], good[1], bad[2], good[2]]
    queue = filled(*order, is_wanted=lambda one: id(one) not in unwanted)
    assert turns(queue) == [good]
    assert queue.cost == {INTERACTIVE: 0, BULK: 0}


def test_what_is_discarded_is_out_at_once() -> None:
    """With its cost, wherever it stands; a second time it is not there."""
    jobs: list[Waiting] = [job(10, client="c"), job(20, client="c"), errand(5, priority=BULK, client="c")]
    queue = filled(*jobs)
    assert (queue.client_cost("c"), len(queue)) == (35, 3)
    assert queue.discard(jobs[1])
    assert not queue.discard(jobs[1])
    assert (queue.cost, queue.client_cost("c")) == ({INTERACTIVE: 10, BULK: 5}, 15)
    assert turns(queue) == [[jobs[0]], [jobs[2]]]
    assert not queue.discard(jobs[0])


def test_everything_can_be_taken_out() -> None:
    """Nothing is left, and nothing was lost."""
    some: list[Waiting] = [job(10), errand(priority=BULK), job(10, "b", priority=BULK)]
    queue = filled(*some)
    assert set(queue.clear()) == set(some)
    assert (len(queue), sum(queue.cost.values()), queue.next_turn()) == (0, 0, None)


def test_it_tells_what_is_computed_before_whom() -> None:
    """Interactive work waits for such work alone, bulk work for all."""
    queue = filled(job(10), job(20), job(5, "b", priority=BULK), job(7, priority=BULK), errand(3))
    assert queue.costs_before(INTERACTIVE) == {"a": 30, "errand": 3}
    assert queue.costs_before(BULK) == {"a": 37, "errand": 3, "b": 5}
    assert (queue.jobs(INTERACTIVE), queue.jobs(BULK)) == (3, 2)
    assert (queue.atoms(INTERACTIVE), queue.atoms(BULK)) == (2, 2)


entries = st.tuples(
    st.integers(1, 150), st.sampled_from("ab"), st.sampled_from([INTERACTIVE, BULK]), st.booleans()
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(entries, st.none(), st.integers(0, 30)), max_size=60))
def test_nothing_is_lost_and_nothing_is_done_twice(steps: list[Any]) -> None:
    """Whatever is put, taken and discarded in whatever order, and the costs are those of what is there."""
    queue, there, put = filled(), set[Waiting](), list[Waiting]()
    for step in steps:
        if step is None:
            turn = queue.next_turn()
            taken = [] if turn is None else [turn] if isinstance(turn, Errand) else turn
            assert bool(taken) == bool(there)
            assert there >= set(taken)
            there -= set(taken)
        elif isinstance(step, int):
            if step < len(put):
                assert queue.discard(put[step]) == (put[step] in there)
                there.discard(put[step])
        else:
            cost, client, priority, is_errand = step
            one = (
                errand(cost, priority=priority) if is_errand else job(cost, client, client, priority=priority)
            )
            queue.put(one)
            put.append(one)
            there.add(one)
        assert len(queue) == len(there)
        for priority in (INTERACTIVE, BULK):
            assert queue.cost[priority] == sum(
                one.load.cost for one in there if one.caller.priority == priority
            )
        for client in ("a", "b"):
            assert queue.client_cost(client) == sum(
                one.load.cost for one in there if one.caller.client == client
            )
    left = [one for turn in turns(queue) for one in turn]
    assert set(left) == there
    assert len(left) == len(there)
