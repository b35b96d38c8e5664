"""`atomlens.server.services.health`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from atomlens.server.app import SERVICES


def test_a_watch_is_told_the_end_and_does_not_delay_it(serving: Callable[..., Any]) -> None:
    """It would never end by itself, and a server has up to its grace to leave."""

    async def main() -> None:
        async with serving() as (server, channel):
            health: Any = HealthStub(channel)
            told = False
            watch = health.Watch(HealthCheckRequest(service=SERVICES[0]))
            assert (await watch.read()).status == HealthCheckResponse.SERVING
            async with asyncio.timeout(10):
                await server.stop(60)
            while (answer := await watch.read()) is not grpc.aio.EOF:
                assert answer.status == HealthCheckResponse.NOT_SERVING
                told = True
            assert told
            assert await watch.code() == grpc.StatusCode.OK

    asyncio.run(main())


def test_a_watch_may_be_left(serving: Callable[..., Any]) -> None:
    """Others go on, and a service that nobody knows is told as such."""

    async def main() -> None:
        async with serving() as (_, channel):
            health: Any = HealthStub(channel)
            left, stays = (health.Watch(HealthCheckRequest(service="")) for _ in range(2))
            assert (await left.read()).status == HealthCheckResponse.SERVING
            left.cancel()
            assert (await stays.read()).status == HealthCheckResponse.SERVING
            unknown = health.Watch(HealthCheckRequest(service="nope"))
            assert (await unknown.read()).status == HealthCheckResponse.SERVICE_UNKNOWN

    asyncio.run(main())
