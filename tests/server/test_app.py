"""`atomlens.server.app`: the server's life."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from atomlens.server.app import SERVICES, Server
from atomlens.server.errors import BundleError
from atomlens.server.repository import Repository
from atomlens.server.session import ProviderError
from atomlens.server.settings import ServerSettings
from atomlens.server.structures import Structures
from atomlens.v1 import structures_pb2
from atomlens.v1.explanation_service_pb2 import (
    ExplainRequest,
)
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import ModelSelector

Pack = Callable[[Structures], structures_pb2.Structures]
Serving = Callable[..., Any]
SERVING = health_pb2.HealthCheckResponse.SERVING
MODEL = ModelSelector(name="toy-schnet-energy")


def test_the_server_is_ready_when_its_models_are_warm(
    toy_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not listen before; afterwards every service is healthy."""
    gate, real = threading.Event(), Repository.open

    def slow(*args: Any) -> Repository:
        assert gate.wait(30)
        return real(*args)

    monkeypatch.setattr(Repository, "open", slow)

    async def main() -> None:
        server = Server(ServerSettings(address="127.0.0.1:0", models=toy_repository))
        starting = asyncio.create_task(server.start())
        await asyncio.sleep(0)
        assert server.address == ""
        gate.set()
        await starting
        assert not server.address.endswith(":0")
        async with grpc.aio.insecure_channel(server.address) as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            for service in ("", *SERVICES):
                checked = await health.Check(health_pb2.HealthCheckRequest(service=service))
                assert checked.status == SERVING
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await health.Check(health_pb2.HealthCheckRequest(service="nope"))
            assert caught.value.code() == grpc.StatusCode.NOT_FOUND
        await server.stop(0)

    asyncio.run(main())


def test_what_cannot_be_served_is_an_error_at_the_start(toy_repository: Path, tmp_path: Path) -> None:
    """No models, no directory, no such address."""

    def start(**settings: Any) -> None:
        given: dict[str, Any] = {"address": "127.0.0.1:0", "models": toy_repository} | settings
        asyncio.run(Server(ServerSettings(**given)).start())

    with pytest.raises(BundleError, match="there is no model that can be served"):
        start(models=tmp_path)
    with pytest.raises(BundleError, match="is no model repository"):
        start(models=tmp_path / "nowhere")
    with pytest.raises(OSError, match=r"`address` 192\.0\.2\.1:1 cannot be listened on"):
        start(address="192.0.2.1:1")


def test_a_provider_that_is_not_there_is_an_error_at_the_start(
    toy_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server does not start on the CPU instead."""
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ProviderError, match="`provider` cuda is not in this build"):
        asyncio.run(
            Server(ServerSettings(address="127.0.0.1:0", models=toy_repository, provider="cuda")).start()
        )


def test_an_address_is_taken_once(toy_repository: Path, serving: Serving) -> None:
    """A second server on the same port is an error and does not share its calls."""

    async def main() -> None:
        async with serving() as (server, _):
            with pytest.raises(OSError, match="cannot be listened on"):
                await Server(ServerSettings(address=server.address, models=toy_repository)).start()

    asyncio.run(main())


def test_a_draining_server_takes_no_new_calls(serving: Serving, pack: Pack, g2: Structures) -> None:
    """UNAVAILABLE, so that a client asks another one."""

    async def main() -> None:
        async with serving() as (server, channel):
            stub: Any = ExplanationServiceStub(channel)
            await server.stop(5)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Explain(ExplainRequest(model=MODEL, structures=pack(g2)))
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE

    asyncio.run(main())
