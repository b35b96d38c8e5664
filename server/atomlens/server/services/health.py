"""Health, whose watches end with the server: the library's never do and would hold it for all its grace."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2


class HealthServicer(health.aio.HealthServicer):
    """The standard service, told when the server leaves."""

    def __init__(self, draining: asyncio.Event) -> None:
        super().__init__()
        self._draining = draining

    async def Watch(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> None:
        """Tell a service's status whenever it changes; at last, that it is not serving."""
        watching = asyncio.ensure_future(super().Watch(request, context))
        leaving = asyncio.ensure_future(self._draining.wait())
        try:
            await asyncio.wait({watching, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            leaving.cancel()
        await asyncio.wait({watching})
        await context.write(health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.NOT_SERVING))
