"""Observer: who is told of what the batcher does; metrics are one."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Is told from any thread, and must not take long."""

    def waited(self, priority: str, seconds: float) -> None:
        """A piece of work leaves the queue to be computed."""

    def refused(self, reason: str) -> None:
        """A piece of work was not let into the queue."""

    def dropped(self, reason: str) -> None:
        """A piece of work left the queue and is not computed: CANCELLED or DEADLINE."""

    def batch(
        self,
        model: str,
        structures: int,
        cost: int,
        capacity: int,
        filled_slots: int,
        padded_slots: int,
        seconds: float,
    ) -> None:
        """A batch was computed."""

    def out_of_memory(self, model: str) -> None:
        """A batch was halved because memory did not suffice."""

    def worker_replaced(self) -> None:
        """A worker crashed and goes on as a new one would."""


class Unobserved:
    """Nobody is told."""

    def waited(self, priority: str, seconds: float) -> None:
        """Do nothing."""

    def refused(self, reason: str) -> None:
        """Do nothing."""

    def dropped(self, reason: str) -> None:
        """Do nothing."""

    def batch(
        self,
        model: str,
        structures: int,
        cost: int,
        capacity: int,
        filled_slots: int,
        padded_slots: int,
        seconds: float,
    ) -> None:
        """Do nothing."""

    def out_of_memory(self, model: str) -> None:
        """Do nothing."""

    def worker_replaced(self) -> None:
        """Do nothing."""
