"""Account: what one call was about, as far as it came, for metrics, for its line in the log and its span."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Listener(Protocol):
    """Who is told while the call is answered; metrics are one."""

    def structures_answered(self, model: str, structures: int) -> None:
        """Structures of a call or a chunk were answered."""

    def structures_failed(self, reason: str, structures: int) -> None:
        """Structures failed alone, and others of the same call were answered."""

    def probed(self, points: int) -> None:
        """Points of a probe were answered."""


@dataclass(slots=True)
class Account:
    """Filled while the call is answered, on the event loop."""

    listener: Listener | None = None
    model: str = ""
    structures: int = 0  # answered
    failed: int = 0  # structures that failed alone
    cost: int = 0  # of what was computed: atoms + pairs
    points: int = 0  # of probes

    def answered(self, model: str, version: int, structures: int, reasons: Sequence[str], cost: int) -> None:
        """So many structures of a batch were answered, others failed for these reasons."""
        self.model = f"{model}@{version}"
        self.structures += structures
        self.cost += cost
        if self.listener is not None:
            self.listener.structures_answered(model, structures)
        for reason, many in Counter(reasons).items() if reasons else ():
            self.failed += many
            if self.listener is not None:
                self.listener.structures_failed(reason, many)

    def probed(self, model: str, version: int, points: int) -> None:
        """So many points were answered."""
        self.model = f"{model}@{version}"
        self.points += points
        if self.listener is not None:
            self.listener.probed(points)

    def fields(self) -> dict[str, str | int]:
        """Return what is known by name."""
        known: dict[str, str | int] = {
            "model": self.model,
            "structures": self.structures,
            "failed": self.failed,
            "cost": self.cost,
            "points": self.points,
        }
        return {name: value for name, value in known.items() if value}
