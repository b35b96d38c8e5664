"""Pace: when each request is due, and which seconds of a run count."""

from __future__ import annotations

import threading
import time
from itertools import count

from atomlens.client.bench.load import Load


class Pace:
    """The clock of one run, which all clients share; times are those of `time.perf_counter`."""

    def __init__(self, load: Load, start: float) -> None:
        self._rate, self._start = load.rate, start
        self.begin = start + load.warm_up_seconds  # of what counts
        self.end = self.begin + load.seconds
        self._stopped = threading.Event()
        self._turns, self._lock = count(), threading.Lock()

    def next_due(self) -> float | None:
        """Wait until the next request is due and return when that was; None once the run is over.

        In a closed loop it is due at once. In an open one the k-th request of all is due k / rate after the
        start, however late the clients are: what was due before the end is returned after it, too.
        """
        due = time.perf_counter() if self._rate is None else self._scheduled(self._rate)
        if due < self.end:
            self._stopped.wait(max(due - time.perf_counter(), 0.0))
        return due if due < self.end else None

    def is_over(self) -> bool:
        """Return whether nothing more is to be asked."""
        return time.perf_counter() >= self.end

    def stop(self) -> None:
        """End the run now; what was measured stays."""
        self.end = min(self.end, time.perf_counter())
        self._stopped.set()

    def counts(self, moment: float) -> bool:
        """Return whether a moment is among the seconds that count."""
        return self.begin <= moment < self.end

    def _scheduled(self, rate: float) -> float:
        with self._lock:
            turn = next(self._turns)
        return self._start + turn / rate
