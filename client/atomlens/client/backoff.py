"""Backoff: how often and how long to wait before another attempt."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BackoffSettings:
    """Attempts without any progress, and pauses that double between them."""

    max_attempts: int = 8
    first_pause_seconds: float = 0.1
    max_pause_seconds: float = 5.0


@dataclass(slots=True)
class Backoff:
    """Counts failed attempts since the last progress."""

    settings: BackoffSettings = field(default_factory=BackoffSettings)
    failed: int = 0

    def progress(self) -> None:
        """Forget failed attempts."""
        self.failed = 0

    def pause_seconds(self) -> float | None:
        """Count a failed attempt and return the pause before the next, or None when it was the last."""
        self.failed += 1
        if self.failed >= self.settings.max_attempts:
            return None
        doubled: float = self.settings.first_pause_seconds * 2 ** (self.failed - 1)
        return min(doubled, self.settings.max_pause_seconds) * random.uniform(0.5, 1.0)
