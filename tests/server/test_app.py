"""`atomlens.server.app`: the server's life."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
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
    ExplainStreamRequest,
    StreamOptions,
    StructureChunk,
)
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import ModelSelector
from atomlens.v1.model_service_pb2 import ListModelsRequest
from atomlens.v1.model_service_pb2_grpc import ModelServiceStub

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


@pytest.fixture
def process(toy_repository: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, and its address."""
    code = (
        "import sys; from atomlens.server.app import serve; "
        "from atomlens.server.settings import ServerSettings; "
        "sys.exit(serve(ServerSettings.from_environment({})))"
    )
    environment = os.environ | {
        "ATOMLENS_ADDRESS": "127.0.0.1:0",
        "ATOMLENS_MODELS": str(toy_repository),
        "ATOMLENS_WORKERS": "1",
    }
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr
        try:
            address = next(
                found[1] for line in child.stderr if (found := re.search(r"serving .* on (\S+:\d+)", line))
            )
            yield child, address
        finally:
            child.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_after_what_it_accepted(
    number: signal.Signals, process: tuple[subprocess.Popen[str], str], pack: Pack, g2: Structures
) -> None:
    """Accepted batches are answered, an open stream ends well, all it sent answered, the exit code is 0."""
    child, address = process
    request = ExplainRequest(model=MODEL, structures=pack(g2.take(np.arange(2000) % len(g2))))
    more = threading.Event()

    def requests() -> Iterator[ExplainStreamRequest]:
        yield ExplainStreamRequest(options=StreamOptions(model=MODEL))
        for first in range(3):
            ids = np.arange(first * len(g2), (first + 1) * len(g2), dtype="<u8").tobytes()
            yield ExplainStreamRequest(chunk=StructureChunk(ids=ids, structures=pack(g2)))
        more.wait(60)  # the client never says that it is done

    with grpc.insecure_channel(address) as channel:
        stub = ExplanationServiceStub(channel)
        stream = stub.ExplainStream(requests())
        answers = [next(stream) for _ in range(4)]
        accepted = [stub.Explain.future(request) for _ in range(3)]
        ModelServiceStub(channel).ListModels(ListModelsRequest())  # behind them on the same connection
        child.send_signal(number)
        assert list(stream) == []
        more.set()
        assert stream.code() == grpc.StatusCode.OK
        assert sorted(len(answer.chunk.ids) for answer in answers) == [0, *[8 * len(g2)] * 3]
        for call in accepted:
            assert len(call.result(60).explanations.counts) == 4 * 2000
    assert child.wait(60) == 0
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as caught:
        ModelServiceStub(channel).ListModels(ListModelsRequest(), timeout=20)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


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
