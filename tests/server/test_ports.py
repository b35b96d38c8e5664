"""`atomlens.server.ports`: over real sockets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from atomlens.server.app import Server
from atomlens.server.repository import Repository
from atomlens.server.services.health import LIVE
from atomlens.server.settings import ServerSettings
from atomlens.server.structures import Structures
from atomlens.v1 import structures_pb2
from atomlens.v1.explanation_service_pb2 import ExplainRequest, ExplainStreamRequest, StreamOptions
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import ModelSelector
from atomlens.v1.model_service_pb2 import ListModelsRequest
from atomlens.v1.model_service_pb2_grpc import ModelServiceStub

Pack = Callable[[Structures], structures_pb2.Structures]
Serving = Callable[..., Any]
ANY_PORT = "127.0.0.1:0"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def health(channel: grpc.aio.Channel) -> Any:
    """Return the health service at the other end."""
    return health_pb2_grpc.HealthStub(channel)


def test_the_health_port_answers_while_models_are_loaded(
    toy_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says that nothing is served until everything is, and that the process lives."""
    gate, real = threading.Event(), Repository.open

    def slow(*args: Any, **more: Any) -> Repository:
        assert gate.wait(30)
        return real(*args, **more)

    monkeypatch.setattr(Repository, "open", slow)

    async def main() -> None:
        server = Server(
            ServerSettings(address=ANY_PORT, health_address=ANY_PORT, models=toy_repository, workers=1)
        )
        starting = asyncio.create_task(server.start())
        while not server.health_address:
            await asyncio.sleep(0)
        async with grpc.aio.insecure_channel(server.health_address) as channel:
            watch = health(channel).Watch(health_pb2.HealthCheckRequest())
            assert (await watch.read()).status == NOT_SERVING
            live = await health(channel).Check(health_pb2.HealthCheckRequest(service=LIVE))
            assert live.status == SERVING
            assert server.address == ""
            gate.set()
            assert (await watch.read()).status == SERVING
            await starting
            await server.stop(0.0)

    asyncio.run(main())


def test_the_health_port_has_health_alone(serving: Serving) -> None:
    """It is never encrypted and asks for no token: nothing else is to be had there."""

    async def main() -> None:
        async with (
            serving(health_address=ANY_PORT) as (server, _),
            grpc.aio.insecure_channel(server.health_address) as channel,
        ):
            assert (await health(channel).Check(health_pb2.HealthCheckRequest())).status == SERVING
            models: Any = ModelServiceStub(channel)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await models.ListModels(ListModelsRequest())
            assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED

    asyncio.run(main())


def test_a_health_port_that_is_taken_is_an_error_at_the_start(serving: Serving) -> None:
    """Before models are loaded; it names the setting."""

    async def main() -> None:
        async with serving() as (server, _):
            with pytest.raises(OSError, match=f"`health_address` {server.address} cannot be listened on"):
                await Server(ServerSettings(address=ANY_PORT, health_address=server.address)).start()

    asyncio.run(main())


def test_a_connection_of_some_age_is_ended_without_a_failed_call(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls go on over another one, which the client opens by itself."""
    peers: set[str] = set()

    def noted(peer: str) -> str:
        peers.add(peer)
        return peer

    monkeypatch.setattr("atomlens.server.services.door.host", noted)

    async def main() -> None:
        async with serving(max_connection_age_seconds=0.2) as (_, channel):
            models: Any = ModelServiceStub(channel)
            while len(peers) < 3:
                await models.ListModels(ListModelsRequest())

    asyncio.run(main())


def test_more_calls_than_may_be_answered_at_once_are_refused_unread(
    serving: Serving, pack: Pack, g2: Structures
) -> None:
    """Their messages would take memory that the queue knows nothing of. Those that were let in go on."""

    async def main() -> None:
        async with serving(max_calls=2) as (_, channel):
            stub: Any = ExplanationServiceStub(channel)
            opening = ExplainStreamRequest(options=StreamOptions(model=ModelSelector(name="toy-bpnn-energy")))
            streams = [stub.ExplainStream() for _ in range(2)]
            for stream in streams:
                await stream.write(opening)
                assert (await stream.read()).HasField("opened")
            request = ExplainRequest(model=ModelSelector(name="toy-bpnn-energy"), structures=pack(g2))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Explain(request)
            assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            for stream in streams:
                await stream.done_writing()
                assert await stream.read() is grpc.aio.EOF
            await stub.Explain(request)

    asyncio.run(main())
