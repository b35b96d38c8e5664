"""Account: what one call was about, as far as it came, for its line in the log and its span."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Account:
    """Filled while the call is answered, on the event loop."""

    model: str = ""
    structures: int = 0  # answered
    failed: int = 0  # structures that failed alone
    cost: int = 0  # of what was computed: atoms + pairs
    points: int = 0  # of probes

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
