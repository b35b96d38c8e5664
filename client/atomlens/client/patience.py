"""Patience: single calls that are made again where a server has no room for them now, or is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from atomlens.client.backoff import Backoff, BackoffSettings
from atomlens.client.errors import AtomLensError, DeadlineError, OverloadedError, UnavailableError

T = TypeVar("T")
PASSING = (OverloadedError, UnavailableError, DeadlineError)
Left = float | None  # seconds that an attempt may take; None for any time


class Patience:
    """How often the calls of one client are made.

    A server that says when to come again is asked again, and one that is away if it has answered before:
    until then the address may be wrong, which is to be told soon.
    """

    def __init__(self, settings: BackoffSettings) -> None:
        """Take the settings of attempts and pauses."""
        self._settings, self._answered = settings, False

    def ask(self, call: Callable[[Left], T], timeout_seconds: float | None) -> T:
        """Return the answer of a call.

        Args:
            call: makes it, which may take so many seconds.
            timeout_seconds: of all attempts and pauses together.
        """
        attempts = _Attempts(self._settings, timeout_seconds)
        while True:
            try:
                answer = call(attempts.left_seconds)
            except PASSING as error:
                pause = attempts.pause_seconds(error, self._answered)
            else:
                self._answered = True
                return answer
            time.sleep(pause)

    async def ask_async(self, call: Callable[[Left], Awaitable[T]], timeout_seconds: float | None) -> T:
        """Return what `ask` does, with an event loop that goes on meanwhile."""
        attempts = _Attempts(self._settings, timeout_seconds)
        while True:
            try:
                answer = await call(attempts.left_seconds)
            except PASSING as error:
                pause = attempts.pause_seconds(error, self._answered)
            else:
                self._answered = True
                return answer
            await asyncio.sleep(pause)


class _Attempts:
    """The attempts at one call, which together take no longer than its timeout."""

    def __init__(self, settings: BackoffSettings, timeout_seconds: float | None) -> None:
        self._backoff = Backoff(settings)
        self._before: AtomLensError | None = None
        self._end = None if timeout_seconds is None else time.monotonic() + timeout_seconds

    @property
    def left_seconds(self) -> Left:
        """The time that is left for the call."""
        return None if self._end is None else max(self._end - time.monotonic(), 0.0)

    def pause_seconds(self, error: AtomLensError, answered: bool) -> float:
        """Return the time to wait before the next attempt; raises the error where there is to be none.

        Where the time was over in the middle of an attempt, that is the error of the one before it.
        """
        if isinstance(error, DeadlineError):
            raise self._before or error
        self._before = error
        if isinstance(error, UnavailableError) and not answered:
            raise error
        pause, left = self._backoff.pause_seconds(error), self.left_seconds
        if pause is None or (left is not None and pause >= left):
            raise error
        return pause
