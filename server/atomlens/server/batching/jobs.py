"""Jobs: what waits for a worker, whose it is, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from atomlens.server.calls import Priority
from atomlens.server.model import Model, Outputs
from atomlens.server.work import Load, Work

Kind = Hashable  # what work has in common that takes the same time for the same cost


class Caller(Protocol):
    """Whose work it is; a `Call` is one."""

    @property
    def deadline(self) -> float:
        """The point on the event loop's clock after which nobody waits."""

    @property
    def priority(self) -> Priority:
        """How urgent it is."""

    @property
    def client(self) -> str:
        """The identity that limits are kept for."""


class Computed(NamedTuple):
    """What became of one piece of work."""

    outputs: Outputs
    queue_ms: float
    compute_ms: float
    batch_cost: int  # of the batch it was computed in


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A piece of work that waits, to be computed with others of its kind."""

    caller: Caller
    kind: Kind  # model and class of its work
    load: Load
    queued: float  # on the event loop's clock
    done: asyncio.Future[Computed]
    model: Model
    work: Work


@dataclass(frozen=True, slots=True, eq=False)
class Errand:
    """Something else for a worker to do, by itself."""

    caller: Caller
    kind: Kind
    load: Load
    queued: float
    done: asyncio.Future[Any]
    function: Callable[[], Any]


Waiting = Job | Errand
Turn = list[Job] | Errand  # what a worker does at once


def settle(one: Waiting, result: Any) -> None:
    """Tell who waits for a result, if anybody still does."""
    if not one.done.done():
        one.done.set_result(result)


def settle_all(batch: Sequence[Job], results: Iterable[Computed]) -> None:
    """Tell those who wait for the jobs of a batch."""
    for job, result in zip(batch, results, strict=True):
        settle(job, result)


def fail(some: Iterable[Waiting], error: Exception) -> None:
    """Tell those who wait that it failed."""
    for one in some:
        if not one.done.done():
            one.done.set_exception(error)


def abandon(some: Iterable[Waiting]) -> None:
    """Have nobody wait any more; what failed already is not reported as an error that nobody saw."""
    for one in some:
        if not one.done.cancel() and not one.done.cancelled():
            one.done.exception()
