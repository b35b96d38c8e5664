"""Patience: single calls that are made again where a server has no room for them now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from atomlens.client.backoff import Backoff, BackoffSettings
from atomlens.client.errors import OverloadedError

T = TypeVar("T")
Left = float | None  # seconds that an attempt may take; None for any time


class Patience:
    """The attempts at one call, which together take no longer than its timeout.

    Only a server that says when to come again is asked again; that one is away is gRPC's to mend.
    """

    def __init__(self, settings: BackoffSettings, timeout_seconds: float | None) -> None:
        self._backoff = Backoff(settings)
        self._end = None if timeout_seconds is None else time.monotonic() + timeout_seconds

    @property
    def left_seconds(self) -> Left:
        """The time that is left for the call."""
        return None if self._end is None else max(self._end - time.monotonic(), 0.0)

    def pause_seconds(self, error: OverloadedError) -> float:
        """Return the time to wait before the next attempt; raises the error where there is to be none."""
        pause, left = self._backoff.pause_seconds(error), self.left_seconds
        if pause is None or (left is not None and pause >= left):
            raise error
        return pause


def patiently(ask: Callable[[Left], T], settings: BackoffSettings, timeout_seconds: float | None) -> T:
    """Return the answer of a call, made again while the server has no room for it.

    Args:
        ask: makes the call, which may take so many seconds.
        settings: how often it is made, and the pauses.
        timeout_seconds: of all attempts and pauses together.
    """
    patience = Patience(settings, timeout_seconds)
    while True:
        try:
            return ask(patience.left_seconds)
        except OverloadedError as error:
            pause = patience.pause_seconds(error)
        time.sleep(pause)


async def patiently_async(
    ask: Callable[[Left], Awaitable[T]], settings: BackoffSettings, timeout_seconds: float | None
) -> T:
    """Return what `patiently` does, with an event loop that goes on meanwhile."""
    patience = Patience(settings, timeout_seconds)
    while True:
        try:
            return await ask(patience.left_seconds)
        except OverloadedError as error:
            pause = patience.pause_seconds(error)
        await asyncio.sleep(pause)
