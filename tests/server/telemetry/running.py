"""What tests of a running server share: an event loop, what it tells, and waiting for that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in an event loop of its own."""

    @wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(test(**fixtures))

    return run


def value(server: Any, name: str, **labels: str) -> float:
    """Return what a server tells under a name; 0 for what it does not tell."""
    return float(server.metrics.registry.get_sample_value(name, labels) or 0)


async def until(holds: Callable[[], bool]) -> None:
    """Let others go on until a condition holds."""
    while not holds():
        await asyncio.sleep(0)
