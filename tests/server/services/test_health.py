"""`atomlens.server.services.health`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from atomlens.server.app import SERVICES
from atomlens.server.services import health
from atomlens.server.services.health import HealthServicer

from . import roomless


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


def test_a_reader_that_has_no_room_holds_up_neither_others_nor_the_end(
    serving: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may ask for health, and nobody may keep a server from starting or leaving."""
    watching = asyncio.Event()
    status_of = HealthServicer._status

    def seen(servicer: HealthServicer, service: str) -> Any:
        watching.set()
        return status_of(servicer, service)

    monkeypatch.setattr(HealthServicer, "_status", seen)

    async def main() -> None:
        async with serving() as (server, channel), asyncio.timeout(20):
            with roomless.call(server.address, "/grpc.health.v1.Health/Watch"):
                await watching.wait()
                stub: Any = HealthStub(channel)
                other = stub.Watch(HealthCheckRequest())
                assert (await other.read()).status == HealthCheckResponse.SERVING
                await server._health.set("", HealthCheckResponse.NOT_SERVING)
                assert (await other.read()).status == HealthCheckResponse.NOT_SERVING
                await server.stop(0.1)

    asyncio.run(main())


def test_a_reader_that_has_no_room_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that may ask again."""
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.0)

    class Full:
        """A call that cannot be written to."""

        aborted: tuple[Any, ...] = ()

        async def write(self, _: object) -> None:
            await asyncio.Event().wait()

        async def abort(self, *told: Any) -> None:
            self.aborted = told
            raise grpc.aio.AbortError

    async def main() -> None:
        call: Any = Full()
        with pytest.raises(grpc.aio.AbortError):
            await HealthServicer(asyncio.Event()).Watch(HealthCheckRequest(), call)
        code, message, _ = call.aborted
        assert code == grpc.StatusCode.UNAVAILABLE
        assert message.endswith("watch again")

    asyncio.run(main())


def test_watches_take_up_no_more_calls_than_they_may(
    serving: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They need no token and do not end: one client could have all calls that a server answers at once."""
    monkeypatch.setattr(health, "MOST_WATCHES", 2)

    async def main() -> None:
        async with serving() as (_, channel):
            stub: Any = HealthStub(channel)
            watches = [stub.Watch(HealthCheckRequest()) for _ in range(2)]
            for watch in watches:
                assert (await watch.read()).status == HealthCheckResponse.SERVING
            with pytest.raises(grpc.aio.AioRpcError, match="at most 2 may watch") as caught:
                await stub.Watch(HealthCheckRequest()).read()
            assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert (await stub.Check(HealthCheckRequest())).status == HealthCheckResponse.SERVING
            watches[0].cancel()
            async with asyncio.timeout(30):
                while await _is_refused(stub.Watch(HealthCheckRequest())):
                    await asyncio.sleep(0)

    asyncio.run(main())


async def _is_refused(watch: Any) -> bool:
    try:
        return bool((await watch.read()).status != HealthCheckResponse.SERVING)
    except grpc.aio.AioRpcError:
        return True
