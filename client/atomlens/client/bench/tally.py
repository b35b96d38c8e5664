"""Tally: what one client saw of a run."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from atomlens.client.bench.pace import Pace
from atomlens.client.errors import AtomLensError


@dataclass(slots=True)
class Tally:
    """Counts and times; a request counts where it was due, an answer where it came."""

    latencies: array[float] = field(default_factory=lambda: array("d"))  # s, 8 bytes for each request
    late: array[float] = field(default_factory=lambda: array("d"))  # s from due to sent, of the same requests
    unsent: int = 0  # requests that were due and that no client came to send
    requests: int = 0  # answered in the seconds that count
    structures: int = 0  # answered in them
    total: int = 0  # structures answered, the warm-up included
    errors: Counter[str] = field(default_factory=Counter)  # by reason, the warm-up included

    def answered(self, pace: Pace, due: float, sent: float, came: float, structures: int) -> None:
        """Count a request that was answered."""
        if pace.counts(due):
            self.latencies.append(came - due)
            self.late.append(sent - due)
        if pace.counts(came):
            self.requests += 1
            self.structures += structures
        self.total += structures

    def never_sent(self, pace: Pace, due: float) -> None:
        """Count a request that was due when the run ended: it would have taken longer than until then."""
        if pace.counts(due):
            self.latencies.append(pace.end - due)
            self.late.append(pace.end - due)
            self.unsent += 1

    def failed(self, error: AtomLensError) -> None:
        """Count an error, of a structure or of a whole call."""
        self.errors[error.reason or type(error).__name__] += 1

    def failures(self, errors: Collection[AtomLensError]) -> int:
        """Count the errors of single structures and return how many there are."""
        for error in errors:
            self.failed(error)
        return len(errors)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.latencies + other.latencies,
            self.late + other.late,
            self.unsent + other.unsent,
            self.requests + other.requests,
            self.structures + other.structures,
            self.total + other.total,
            self.errors + other.errors,
        )
