"""Backoff: how often and how long to wait before another attempt."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from atomlens.client.errors import AtomLensError, OverloadedError, UnavailableError

MOST_TOLD_SECONDS = 60.0  # that a server may ask to wait
MOST_DOUBLINGS = 60  # beyond any pause; numbers end where attempts need not


@dataclass(frozen=True, slots=True)
class BackoffSettings:
    """Attempts without any progress, and pauses that double between them.

    Where a server says how long to wait, the pause is that long at least.
    """

    max_attempts: int = 8
    first_pause_seconds: float = 0.1
    max_pause_seconds: float = 5.0

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError(f"`max_attempts` must be at least 1, got {self.max_attempts}")
        for name in ("first_pause_seconds", "max_pause_seconds"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"`{name}` must be finite and not negative, got {getattr(self, name)}")


@dataclass(slots=True)
class Backoff:
    """Counts failed attempts since the last progress, and the time that was waited between them."""

    settings: BackoffSettings = field(default_factory=BackoffSettings)
    timeout_seconds: float | None = None  # of all pauses together
    failed: int = 0
    paused_seconds: float = 0.0

    def progress(self) -> None:
        """Forget failed attempts."""
        self.failed, self.paused_seconds = 0, 0.0

    def pause_seconds(self, error: AtomLensError) -> float | None:
        """Count an attempt that failed and return the pause before the next one.

        None where there is to be none: it was the last, the pause would take longer than anybody waits, or
        the error is of a kind that time does not heal.
        """
        if not is_passing(error):
            return None
        self.failed += 1
        pause = self._pause(error.retry_seconds)
        self.paused_seconds += pause
        is_late = self.timeout_seconds is not None and self.paused_seconds >= self.timeout_seconds
        return None if self.failed >= self.settings.max_attempts or is_late else pause

    def _pause(self, told: float | None) -> float:
        doubled: float = self.settings.first_pause_seconds * 2 ** min(self.failed - 1, MOST_DOUBLINGS)
        pause = min(doubled, self.settings.max_pause_seconds) * random.uniform(0.5, 1.0)
        if told is None:
            return pause
        return max(pause, min(told, MOST_TOLD_SECONDS) * random.uniform(1.0, 1.5))  # not all at once again


def is_passing(error: AtomLensError) -> bool:
    """Return whether the same may succeed later: no server answers now, or it says when it has room."""
    return isinstance(error, UnavailableError) or (
        isinstance(error, OverloadedError) and error.retry_seconds is not None
    )
