"""Reader: who reads a stream, or has stopped reading it."""

from __future__ import annotations

import asyncio
from typing import Any

from atomlens.server.calls import Context
from atomlens.server.errors import UnavailableError


async def write(context: Context, message: Any, patience_seconds: float, again: str) -> None:
    """Write a message when the reader has room for it.

    Args:
        context: of the stream.
        message: to write.
        patience_seconds: how long the reader may have no room.
        again: what a client is to do that wakes later.

    Raises:
        UnavailableError: nothing was read for so long; the stream ends as one that can be taken up again.
    """
    try:
        async with asyncio.timeout(patience_seconds):
            await context.write(message)
    except TimeoutError:
        raise UnavailableError(f"nothing was read for {patience_seconds:g} s: {again}", "STALLED") from None
