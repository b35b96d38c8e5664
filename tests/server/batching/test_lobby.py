"""`atomlens.server.batching.lobby`: whom there is room for, without threads and without clocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from atomlens.server.batching.jobs import Job
from atomlens.server.batching.lobby import Lobby, Party
from atomlens.server.batching.queue import Queue
from atomlens.server.settings.queueing import QueueingSettings

from .scenes import BULK, INTERACTIVE, Asking
from .test_queue import filled, job


class Hall:
    """A queue with a lobby before it: 100 in all, 75 of them bulk work, 60 of one client."""

    def __init__(self, *some: Job) -> None:
        self.queue: Queue = filled(*some)
        self.lobby = Lobby(self.queue, QueueingSettings(max_queue_cost=100, max_client_cost=60), self.enter)

    def enter(self, jobs: Sequence[Job]) -> None:
        """Let jobs in."""
        for one in jobs:
            self.queue.put(one)

    def refusal(self, cost: int, **caller: Any) -> str:
        """Return the name of the bound that a caller meets, nothing for none."""
        obstacle = self.lobby.obstacle(Asking(**caller), cost)
        return "" if obstacle is None else obstacle.message.partition("`")[2].partition("`")[0]

    def wait(self, *costs: int, **caller: Any) -> Party:
        """Have jobs of one call wait for room."""
        jobs = [job(cost, **caller) for cost in costs]
        party = Party(Asking(**caller), sum(costs), jobs)
        self.lobby.wait(party)
        return party

    def is_in(self, party: Party) -> bool:
        """Return whether a party has entered, whole."""
        there = [
            one in lane for one in party.jobs for lane in self.queue._lanes[one.caller.priority].values()
        ]
        return any(there)


def test_the_queue_is_bounded_by_cost() -> None:
    """To the last bit of it; the obstacle tells the cost that has to leave."""
    hall = Hall(job(50, client="a"), job(40, client="b"))
    assert hall.refusal(10) == ""
    assert hall.refusal(11) == "max_queue_cost"
    obstacle = hall.lobby.obstacle(Asking(), 25)
    assert obstacle is not None
    assert (obstacle.reason, obstacle.excess) == ("QUEUE_FULL", 15)
    told = "a cost of 90 waits, 25 would come to it, and `max_queue_cost` allows 100 (atoms + pairs)"
    assert obstacle.message == f"the queue is full for everybody: {told}"


def test_bulk_work_leaves_room_for_interactive_work() -> None:
    """It fills three quarters of the queue, and no more."""
    hall = Hall(job(40, client="a", priority=BULK), job(30, client="b", priority=BULK))
    assert hall.refusal(5, priority=BULK) == ""
    assert hall.refusal(6, priority=BULK) == "max_queue_cost"
    assert hall.refusal(30, priority=INTERACTIVE) == ""


def test_one_client_does_not_fill_the_queue() -> None:
    """Its own bound is named; others have room."""
    hall = Hall(job(50, client="a"))
    assert hall.refusal(10, client="a") == ""
    assert hall.refusal(11, client="a") == "max_client_cost"
    assert hall.refusal(11, client="b") == ""
    obstacle = hall.lobby.obstacle(Asking(client="a"), 30)
    assert obstacle is not None
    assert (obstacle.reason, obstacle.excess) == ("CLIENT_QUEUE_FULL", 20)


def test_bulk_work_of_a_client_leaves_room_for_its_interactive_work() -> None:
    """Streams fill three quarters of what their client may have; single calls of it find the rest."""
    hall = Hall(job(30, client="a", priority=BULK))
    assert hall.refusal(15, client="a", priority=BULK) == ""
    assert hall.refusal(16, client="a", priority=BULK) == "max_client_cost"
    obstacle = hall.lobby.obstacle(Asking(client="a", priority=BULK), 20)
    assert obstacle is not None
    assert (obstacle.reason, obstacle.excess) == ("CLIENT_QUEUE_FULL", 5)


def test_a_client_is_not_shut_out_by_its_own_work_of_the_other_priority() -> None:
    """Its single call enters beside a chunk that is larger than all it may have, and the other way round."""
    hall = Hall(job(70, client="a", priority=BULK))
    assert hall.refusal(20, client="a") == ""
    hall.wait(5, client="a")
    assert hall.refusal(20, client="a") == "max_client_cost"
    urgent = Hall(job(60, client="a"))
    assert urgent.refusal(20, client="a", priority=BULK) == ""


def test_bulk_work_of_a_client_is_let_in_though_its_interactive_work_waits_for_more_room() -> None:
    """As soon as the bulk work before it was taken."""
    bulk = job(10, client="a", priority=BULK)
    hall = Hall(job(40, client="a"), bulk)
    urgent, patient = hall.wait(30, client="a"), hall.wait(40, client="a", priority=BULK)
    assert (hall.is_in(urgent), hall.is_in(patient)) == (False, False)
    hall.queue.discard(bulk)
    hall.lobby.let_in()
    assert (hall.is_in(urgent), hall.is_in(patient)) == (False, True)


@pytest.mark.parametrize("priority", [INTERACTIVE, BULK])
def test_work_of_any_cost_may_enter_where_there_is_no_other(priority: Any) -> None:
    """It would never be computed otherwise."""
    assert Hall().refusal(1000, priority=priority, client="a") == ""
    beside = Hall(job(20, client="b"))
    assert beside.refusal(80, client="a") == ""  # though a client may have 60


def test_a_priority_is_not_shut_out_by_the_other() -> None:
    """One piece of bulk work enters a queue that is full of interactive work, and the other way round."""
    hall = Hall(*[job(50, client=client) for client in "ab"])
    assert hall.refusal(30, client="c", priority=BULK) == ""
    hall.wait(30, client="c", priority=BULK)
    assert hall.refusal(30, client="d", priority=BULK) == "max_queue_cost"
    bulk = Hall(job(50, client="a", priority=BULK), job(25, client="b", priority=BULK))
    assert bulk.refusal(1000, client="c") == ""


def test_bulk_work_that_waits_is_let_in_though_interactive_work_waits_for_more_room() -> None:
    """As soon as the bulk work before it was taken."""
    bulk = job(10, client="b", priority=BULK)
    hall = Hall(*[job(45, client=client) for client in "ac"], bulk)
    urgent, patient = hall.wait(30, client="d"), hall.wait(30, client="e", priority=BULK)
    hall.queue.discard(bulk)
    hall.lobby.let_in()
    assert (hall.is_in(urgent), hall.is_in(patient)) == (False, True)


def test_who_waits_is_let_in_in_order_and_whole() -> None:
    """A small call does not pass a large one that came before it."""
    first, second = job(50, client="x"), job(50, client="y")
    hall = Hall(first, second)
    large, small = hall.wait(30, 25, client="a"), hall.wait(5, client="b")
    assert not hall.is_in(small)
    hall.queue.discard(first)
    hall.lobby.let_in()
    assert not hall.is_in(large)
    assert not hall.is_in(small)
    hall.queue.discard(second)
    hall.lobby.let_in()
    assert hall.is_in(large)
    assert hall.is_in(small)
    assert not hall.lobby


def test_a_client_that_waits_for_its_own_room_is_passed_by_others() -> None:
    """And its own later calls stay behind it."""
    mine = job(50, client="a")
    hall = Hall(mine)
    waiting, later, other = hall.wait(20, client="a"), hall.wait(1, client="a"), hall.wait(20, client="b")
    assert [hall.is_in(party) for party in (waiting, later, other)] == [False, False, True]
    hall.queue.discard(mine)
    hall.lobby.let_in()
    assert [hall.is_in(party) for party in (waiting, later)] == [True, True]


def test_interactive_work_that_waits_goes_before_bulk_work_that_waits() -> None:
    """Though it came later."""
    full, other = job(90, client="x"), job(10, client="y", priority=BULK)
    hall = Hall(full, other)
    bulk, urgent = hall.wait(60, client="a", priority=BULK), hall.wait(50, client="b")
    hall.queue.discard(full)
    hall.lobby.let_in()
    assert (hall.is_in(urgent), hall.is_in(bulk)) == (True, False)


def test_who_leaves_is_not_let_in() -> None:
    """And leaving twice, or after entering, is nothing."""
    full = job(100, client="x")
    hall = Hall(full)
    party = hall.wait(10, client="a")
    hall.lobby.leave(party)
    hall.lobby.leave(party)
    hall.queue.discard(full)
    hall.lobby.let_in()
    assert not hall.is_in(party)
    assert hall.lobby.clear() == []
    entered = hall.wait(10, client="a")
    hall.lobby.leave(entered)
    assert hall.is_in(entered)


def test_workers_never_see_the_lobby_empty_while_somebody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that made room just then would tell nobody, and who waits might wait for ever."""
    hall = Hall(job(100, client="x"))
    hall.wait(10, client="a")
    seen: list[int] = []  # sizes, whenever room is looked for
    obstacle = hall.lobby.obstacle

    def looked(caller: Any, cost: int) -> Any:
        seen.append(len(hall.lobby))
        return obstacle(caller, cost)

    monkeypatch.setattr(hall.lobby, "obstacle", looked)
    hall.lobby.let_in()
    assert seen == [1]


def test_clients_take_turns_in_the_order_of_their_calls() -> None:
    """Whoever came first enters first, whichever client it is of."""
    full = job(100, client="x")
    hall = Hall(full)
    parties = [hall.wait(10, client=client) for client in "abcabca"]
    hall.lobby.leave(parties[1])
    entered: list[Job] = []
    hall.lobby._enter = entered.extend
    hall.queue.discard(full)
    hall.lobby.let_in()
    assert entered == [job for party in (parties[0], *parties[2:]) for job in party.jobs]
    assert len(hall.lobby) == 0


def test_those_who_wait_are_looked_at_no_oftener_than_there_is_room_for_them() -> None:
    """However many wait, another that comes, or leaves, costs no more than a look at each client."""
    hall = Hall(job(75, client="x", priority=BULK))
    for client in "ab" * 500:
        hall.wait(1, client=client, priority=BULK)
    looked: list[int] = []
    obstacle = hall.lobby.obstacle

    def counted(caller: Any, cost: int) -> Any:
        looked.append(cost)
        return obstacle(caller, cost)

    hall.lobby.obstacle = counted  # type: ignore[method-assign]
    party = hall.wait(1, client="a", priority=BULK)
    hall.lobby.leave(party)
    hall.lobby.let_in()
    assert len(looked) == 2
    assert len(hall.lobby.clear()) == 1000
