"""Lobby: whom the queue has room for, and who waits until it has."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

from atomlens.server.batching.jobs import Caller, Job
from atomlens.server.batching.queue import Queue
from atomlens.server.calls import Priority
from atomlens.server.settings.queueing import QueueingSettings

CLIENT_FULL = "CLIENT_QUEUE_FULL"  # the reason that concerns one client alone


class Obstacle(NamedTuple):
    """Why work cannot enter now."""

    reason: str
    message: str
    excess: int  # cost that has to leave first


@dataclass(frozen=True, slots=True, eq=False)
class Party:
    """Jobs of one call that enter together."""

    caller: Caller
    cost: int
    jobs: Sequence[Job]


class Lobby:
    """Bounds of the queue, for the event loop alone.

    The queue holds work of a cost up to `max_queue_cost`, of which bulk work takes three quarters at most, so
    that there is room for interactive work; and up to `max_client_cost` of one client, shared alike. Where
    nothing of its priority, or of its priority and its client, waits, work of any cost may pass that bound,
    so that neither priority shuts the other out.
    Who waits for room is let in in order, interactive work first; the bound of a client, or of a priority,
    does not hold up others.
    """

    def __init__(
        self, queue: Queue, settings: QueueingSettings, enter: Callable[[Sequence[Job]], None]
    ) -> None:
        """Begin with nobody; ``enter`` lets jobs into the queue."""
        self._queue, self._enter = queue, enter
        self._most, self._most_bulk = settings.max_queue_cost, settings.max_bulk_cost
        self._most_of_client = settings.max_client_cost
        self._most_bulk_of_client = settings.max_client_bulk_cost
        # Of each priority, those of each client, and when they came, counted: the oldest first.
        self._lanes: dict[Priority, dict[str, OrderedDict[Party, int]]] = {one: {} for one in Priority}
        self._came = self._size = 0

    def __len__(self) -> int:
        return self._size

    def obstacle(self, caller: Caller, cost: int) -> Obstacle | None:
        """Return why work of that cost cannot enter now; None where it can."""
        held, alike = sum(self._queue.cost.values()), self._queue.cost[caller.priority]
        if alike and held + cost > self._most:
            return _obstacle("QUEUE_FULL", "everybody", held, cost, self._most, "`max_queue_cost`")
        if alike and alike + cost > self._most_bulk and caller.priority is Priority.BULK:
            name = "3/4 of `max_queue_cost`"
            return _obstacle("QUEUE_FULL", "bulk work", alike, cost, self._most_bulk, name)
        return self._obstacle_of_client(caller.client, caller.priority, cost)

    def _obstacle_of_client(self, client: str, priority: Priority, cost: int) -> Obstacle | None:
        """Return how other work of the same client is in the way; None where it is not."""
        mine, alike = self._queue.client_cost(client), self._queue.client_cost(client, priority)
        most, most_bulk = self._most_of_client, self._most_bulk_of_client
        if alike and mine + cost > most:
            return _obstacle(CLIENT_FULL, "this client", mine, cost, most, "`max_client_cost`")
        if alike and alike + cost > most_bulk and priority is Priority.BULK:
            name = "3/4 of `max_client_cost`"
            return _obstacle(CLIENT_FULL, "bulk work of this client", alike, cost, most_bulk, name)
        return None

    def wait(self, party: Party) -> None:
        """Have jobs enter as soon as there is room."""
        lanes = self._lanes[party.caller.priority]
        self._came += 1
        lanes.setdefault(party.caller.client, OrderedDict())[party] = self._came
        self._size += 1
        self.let_in()

    def leave(self, party: Party) -> None:
        """Forget jobs that waited; nothing where they entered."""
        if party in self._lanes[party.caller.priority].get(party.caller.client, ()):
            self._take(party)

    def let_in(self) -> None:
        """Let in whom there is room for. Workers that look meanwhile see whoever has not entered."""
        for priority in Priority:
            full = set[str]()  # clients that have what they may
            while (party := self._oldest(priority, full)) is not None:
                obstacle = self.obstacle(party.caller, party.cost)
                if obstacle is None:
                    self._take(party)
                    self._enter(party.jobs)
                elif obstacle.reason == CLIENT_FULL:
                    full.add(party.caller.client)
                else:
                    break

    def clear(self) -> list[Job]:
        """Send everybody away and return their jobs."""
        parties = [party for lanes in self._lanes.values() for lane in lanes.values() for party in lane]
        for party in parties:
            self._take(party)
        return [job for party in parties for job in party.jobs]

    def _oldest(self, priority: Priority, full: Set[str]) -> Party | None:
        """Return who has waited longest, but for some clients."""
        lanes = [lane for client, lane in self._lanes[priority].items() if client not in full]
        first = min(lanes, key=_came, default=None)
        return None if first is None else next(iter(first))

    def _take(self, party: Party) -> None:
        """Forget somebody who waits."""
        lanes, client = self._lanes[party.caller.priority], party.caller.client
        del lanes[client][party]
        if not lanes[client]:
            del lanes[client]
        self._size -= 1


def _came(lane: OrderedDict[Party, int]) -> int:
    """Return when the oldest came."""
    return next(iter(lane.values()))


def _obstacle(reason: str, what: str, there: int, cost: int, most: int, name: str) -> Obstacle:
    told = (
        f"the queue is full for {what}: a cost of {there} waits, {cost} would come to it, and {name} allows "
        f"{most} (atoms + pairs)"
    )
    return Obstacle(reason, told, there + cost - most)
