"""Stay: how long a stream goes on before its client has to ask again, here or elsewhere."""

from __future__ import annotations

import asyncio
import math

from atomlens.server.settings import ListeningSettings


class Stay:
    """Of one stream: until the server leaves, or until the stream is as old as connections may get."""

    def __init__(self, draining: asyncio.Event, settings: ListeningSettings) -> None:
        age = settings.max_connection_age_seconds or math.inf
        self._draining, self._end = draining, asyncio.get_running_loop().time() + age

    @property
    def is_over(self) -> bool:
        """Whether the stream should end as soon as what was accepted is answered."""
        return self._draining.is_set() or asyncio.get_running_loop().time() >= self._end

    async def over(self) -> None:
        """Wait until it is over."""
        try:
            async with asyncio.timeout_at(None if math.isinf(self._end) else self._end):
                await self._draining.wait()
        except TimeoutError:
            return
