"""Process: a server from the command line, until a signal tells it to leave."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Coroutine
from typing import Any

from atomlens.server.app import Server
from atomlens.server.settings import ServerSettings, misspelled
from atomlens.server.telemetry.logs import Logs

SIGNALS = (signal.SIGTERM, signal.SIGINT)
log = logging.getLogger(__name__)


def serve(settings: ServerSettings) -> int:
    """Run a server until SIGTERM or SIGINT and return 0; a second signal ends what is being drained."""
    with Logs(settings) as logs:
        for name, meant in misspelled().items():
            log.warning("%s is no setting and changes nothing: is %s meant?", name, meant)
        asyncio.run(_serve(settings, logs))
    return 0


async def _serve(settings: ServerSettings, logs: Logs) -> None:
    server = Server(settings)
    logs.count_with(server.metrics.log_lines_dropped)
    leave, hurry = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, lambda: (hurry if leave.is_set() else leave).set())
    if await _sooner(server.start(), leave):
        await leave.wait()
    if not await _sooner(server.stop(), hurry):
        await server.stop(0.0)


async def _sooner(work: Coroutine[Any, Any, None], told: asyncio.Event) -> bool:
    """Return whether some work ended before an event came; otherwise it is cancelled."""
    working, waiting = asyncio.ensure_future(work), asyncio.ensure_future(told.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not working.done():
        working.cancel()
        await asyncio.wait({working})
        return False
    await working
    return True
