"""Health, whose watches end with the server: the library's never do and would hold it for all its grace."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2

from atomlens.server.services.unreadable import Unreadable, understood

LIVE = "live"  # the name by which probes ask whether the process answers at all, not what it serves
Context = grpc.aio.ServicerContext[Any, Any]


class HealthServicer(health.aio.HealthServicer):
    """The standard service, told when the server leaves."""

    def __init__(self, draining: asyncio.Event) -> None:
        super().__init__()
        self._draining = draining

    async def Check(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest | Unreadable, context: Context
    ) -> health_pb2.HealthCheckResponse:
        """Tell a service's status."""
        return await super().Check(await understood(request, context), context)

    async def Watch(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest | Unreadable, context: Context
    ) -> None:
        """Tell a service's status whenever it changes; at last, that it is not serving."""
        request = await understood(request, context)
        told: Any = _Told(context)
        watching = asyncio.ensure_future(super().Watch(request, told))
        leaving = asyncio.ensure_future(self._draining.wait())
        try:
            await asyncio.wait({watching, leaving}, return_when=asyncio.FIRST_COMPLETED)
            async with told.writing:
                watching.cancel()
            await asyncio.wait({watching})
            await told.write(
                health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.NOT_SERVING)
            )
        finally:
            watching.cancel()
            leaving.cancel()


class _Told:
    """A watch's context, in which one message is written at a time and none is cut short."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.writing = asyncio.Lock()

    async def write(self, message: health_pb2.HealthCheckResponse) -> None:
        async with self.writing:
            await self._context.write(message)
