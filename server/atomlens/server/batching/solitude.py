"""Solitude: workers compute side by side, until one needs all the memory that there is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Solitude:
    """Who is at work and who wants to be alone. Any thread may ask."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._working = 0  # side by side
        self._wanting = 0  # to be alone, or alone

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Work beside others; begin when nobody wants to be alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._wanting)
            self._working += 1
        try:
            yield
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Work alone, for one that works beside others: those finish first, or take turns in being alone."""
        with self._changed:
            self._wanting += 1
            self._working -= 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._working)
            self._working += 1
        try:
            yield
        finally:
            with self._changed:
                self._wanting -= 1
                self._changed.notify_all()
