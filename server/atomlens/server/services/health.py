"""Health, whose watches hold up nobody.

The library's keep a lock while a message waits for its reader: one that does not read would keep statuses
from being set, and the server from starting and from leaving. And they never end, which would take a server
that leaves all its grace.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2

from atomlens.server.errors import OverloadedError, UnavailableError
from atomlens.server.services.open_streams import RETRY_SECONDS
from atomlens.server.services.reader import write
from atomlens.server.services.translation import abort
from atomlens.server.services.unreadable import Unreadable, understood

LIVE = "live"  # the name by which probes ask whether the process answers at all, not what it serves
PATIENCE_SECONDS = 5.0  # with a reader that has no room for the few bytes of a status
MOST_WATCHES = 100  # anybody may watch, and every watch is one of the calls that a server answers at once
Context = grpc.aio.ServicerContext[Any, Any]


class HealthServicer(health.aio.HealthServicer):
    """The standard service, told when the server leaves."""

    def __init__(self, draining: asyncio.Event) -> None:
        super().__init__()
        self._draining = draining
        self._statuses: dict[str, int] = {}
        self._watches = 0  # that go on
        self._changed = asyncio.Event()  # until the next change

    async def set(self, service: str, status: int) -> None:
        """Set a service's status and have watches tell it; waits for no reader."""
        await super().set(service, status)
        self._statuses[service] = status
        self._changed.set()
        self._changed = asyncio.Event()

    async def Check(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest | Unreadable, context: Context
    ) -> health_pb2.HealthCheckResponse:
        """Tell a service's status."""
        return await super().Check(await understood(request, context), context)

    async def Watch(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest | Unreadable, context: Context
    ) -> None:
        """Tell a service's status whenever it changes; at last, that it is not serving."""
        service = (await understood(request, context)).service
        if self._watches >= MOST_WATCHES:
            await abort(context, _refusal(), "")
        leaving = asyncio.ensure_future(self._draining.wait())
        self._watches += 1
        try:
            await self._follow(service, context, leaving)
        finally:
            self._watches -= 1
            leaving.cancel()

    async def _follow(self, service: str, context: Context, leaving: asyncio.Future[Any]) -> None:
        """Tell what changes, to the last."""
        last = None
        while True:
            changed, is_last = self._changed, self._draining.is_set()
            status = self._status(service)
            if status != last:
                await _tell(context, status)
                last = status
            if is_last:
                return
            await _first(changed, leaving)

    def _status(self, service: str) -> int:
        if self._draining.is_set():
            return int(health_pb2.HealthCheckResponse.NOT_SERVING)
        return self._statuses.get(service, int(health_pb2.HealthCheckResponse.SERVICE_UNKNOWN))


async def _tell(context: Context, status: int) -> None:
    """Write a status, or end the call of a reader that has no room for it."""
    message = health_pb2.HealthCheckResponse(status=status)
    try:
        await write(context, message, PATIENCE_SECONDS, "watch again")
    except UnavailableError as error:
        await abort(context, error, "")


def _refusal() -> OverloadedError:
    message = f"at most {MOST_WATCHES} may watch at once; check in place of watching, or try again later"
    return OverloadedError(message, "TOO_MANY_WATCHES", retry_seconds=RETRY_SECONDS)


async def _first(changed: asyncio.Event, leaving: asyncio.Future[Any]) -> None:
    """Wait for a change, or until the server leaves."""
    changing = asyncio.ensure_future(changed.wait())
    try:
        await asyncio.wait({changing, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        changing.cancel()
