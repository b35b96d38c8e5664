"""Queue: what waits for a worker, and who has the next turn."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping

from atomlens.server.batching.jobs import Errand, Job, Kind, Turn, Waiting
from atomlens.server.calls import Priority
from atomlens.server.work import Load

INTERACTIVE_BATCHES = 4  # worth of interactive work that may pass bulk work, before this has a turn
FILLED = 4  # bulk work fills a batch of interactive work to a quarter: who waits for it waits for that too


class Queue:
    """Interactive work before bulk work, within each the oldest first.

    Bulk work is never starved: while some waits, interactive turns are taken until their cost reaches that
    of `INTERACTIVE_BATCHES` whole batches; then the oldest bulk work has the next turn, and counting begins
    anew. A turn is an errand, or a batch: the one whose turn it is with what fits beside it of the same
    kind, interactive work first. What bulk work adds to a batch that interactive work began stays within a
    quarter of the batch cost.

    Not safe for threads: whoever shares it holds a lock. Only `cost` and `client_cost` may be read without.
    """

    def __init__(
        self, batch_cost: int, batch_cost_of: Callable[[Kind], int], is_wanted: Callable[[Waiting], bool]
    ) -> None:
        """Begin empty.

        Args:
            batch_cost: of a whole batch.
            batch_cost_of: what a batch of some kind may cost now.
            is_wanted: whether somebody still waits; asked when a turn has come.
        """
        self._most_passing = INTERACTIVE_BATCHES * batch_cost
        self._batch_cost_of, self._is_wanted = batch_cost_of, is_wanted
        self._lanes: dict[Priority, dict[Kind, Lane]] = {priority: {} for priority in Priority}
        self._entered = 0
        self._passed = 0  # cost of interactive turns since bulk work waits or had one
        self._cost_of_clients: dict[Priority, dict[str, int]] = {priority: {} for priority in Priority}
        self.cost = dict.fromkeys(Priority, 0)

    def __len__(self) -> int:
        return sum(map(self.jobs, Priority))

    def put(self, one: Waiting) -> None:
        """Let something in."""
        priority, client = one.caller.priority, one.caller.client
        lanes, of_clients = self._lanes[priority], self._cost_of_clients[priority]
        if one.kind not in lanes:
            lanes[one.kind] = Lane()
        self._entered += 1
        lanes[one.kind].put(one, self._entered)
        self.cost[priority] += one.load.cost
        of_clients[client] = of_clients.get(client, 0) + one.load.cost

    def discard(self, one: Waiting) -> bool:
        """Take something out that is not to be done; return whether it was there."""
        lane = self._lanes[one.caller.priority].get(one.kind)
        if lane is None or one not in lane:
            return False
        self._take(one)
        return True

    def clear(self) -> list[Waiting]:
        """Take everything out and return it."""
        everything = [one for lanes in self._lanes.values() for lane in lanes.values() for one in lane]
        for one in everything:
            self._take(one)
        return everything

    def next_turn(self) -> Turn | None:
        """Take out what a worker is to do next; None where nothing waits."""
        for priority in self._order():
            first = self._take_oldest(priority)
            if first is not None:
                turn = first if isinstance(first, Errand) else self._batch(first)
                self._count(priority, turn)
                return turn
        return None

    def jobs(self, priority: Priority) -> int:
        """Return the number of pieces of work that wait."""
        return sum(len(lane) for lane in self._lanes[priority].values())

    def atoms(self, priority: Priority) -> int:
        """Return the atoms of the work that waits."""
        return sum(lane.atoms for lane in self._lanes[priority].values())

    def costs_before(self, priority: Priority) -> Mapping[Kind, int]:
        """Return the cost of each kind that is to be computed before work of a priority that comes now."""
        costs: dict[Kind, int] = {}
        for one in Priority if priority is Priority.BULK else (Priority.INTERACTIVE,):
            for kind, lane in self._lanes[one].items():
                costs[kind] = costs.get(kind, 0) + lane.cost
        return costs

    def client_cost(self, client: str, *priorities: Priority) -> int:
        """Return the cost of what waits for a client, of some priorities or of all."""
        return sum(self._cost_of_clients[one].get(client, 0) for one in priorities or Priority)

    def _order(self) -> tuple[Priority, Priority]:
        if self._passed >= self._most_passing:
            return Priority.BULK, Priority.INTERACTIVE
        return Priority.INTERACTIVE, Priority.BULK

    def _count(self, priority: Priority, turn: Turn) -> None:
        """Add an interactive turn that passed bulk work, or begin anew."""
        passes = priority is Priority.INTERACTIVE and bool(self._lanes[Priority.BULK])
        cost = turn.load.cost if isinstance(turn, Errand) else sum(job.load.cost for job in turn)
        self._passed = self._passed + cost if passes else 0

    def _batch(self, first: Job) -> list[Job]:
        """Return a job with what fits beside it."""
        batch, most = [first], self._batch_cost_of(first.kind)
        load = self._fill(batch, first.load, Priority.INTERACTIVE, most)
        is_bulk = first.caller.priority is Priority.BULK
        self._fill(batch, load, Priority.BULK, most if is_bulk else most // FILLED)
        return batch

    def _fill(self, batch: list[Job], load: Load, priority: Priority, most: int) -> Load:
        """Add the oldest jobs of a priority while they fit, and return the load of the batch then."""
        lane = self._lanes[priority].get(batch[0].kind)
        while lane and (joined := load.joined(lane.oldest.load)).fits(most):
            one = lane.oldest
            self._take(one)
            if self._is_wanted(one):
                assert isinstance(one, Job)  # as the first of its kind is
                batch.append(one)
                load = joined
        return load

    def _take_oldest(self, priority: Priority) -> Waiting | None:
        """Take out the oldest of a priority that is wanted."""
        lanes = self._lanes[priority]
        while lanes:
            one = min(lanes.values(), key=Lane.age).oldest
            self._take(one)
            if self._is_wanted(one):
                return one
        return None

    def _take(self, one: Waiting) -> None:
        """Take out something that is there."""
        priority, client = one.caller.priority, one.caller.client
        lane = self._lanes[priority][one.kind]
        lane.take(one)
        if not lane:
            del self._lanes[priority][one.kind]
        self.cost[priority] -= one.load.cost
        of_clients = self._cost_of_clients[priority]
        of_clients[client] -= one.load.cost
        if not of_clients[client]:
            del of_clients[client]


class Lane:
    """Work of one kind and priority, oldest first."""

    def __init__(self) -> None:
        self._entered: OrderedDict[Waiting, int] = OrderedDict()  # when, counted
        self.cost = self.atoms = 0

    def __len__(self) -> int:
        return len(self._entered)

    def __contains__(self, one: Waiting) -> bool:
        return one in self._entered

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._entered)

    def put(self, one: Waiting, entered: int) -> None:
        """Add the youngest."""
        self._entered[one] = entered
        self.cost += one.load.cost
        self.atoms += one.load.atoms

    def take(self, one: Waiting) -> None:
        """Take out one that is there."""
        del self._entered[one]
        self.cost -= one.load.cost
        self.atoms -= one.load.atoms

    @property
    def oldest(self) -> Waiting:
        """The one that has waited longest."""
        return next(iter(self._entered))

    def age(self) -> int:
        """Return when the oldest entered; the smallest number first."""
        return self._entered[self.oldest]
