"""`atomlens.server.services.unreadable`: bytes that are no message, on every method over a real socket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from atomlens.server.app import EXPLANATIONS, INFERENCE, MODELS
from atomlens.server.services.unreadable import readable
from atomlens.server.settings import ServerSettings
from atomlens.v1.explanation_service_pb2 import ExplainRequest, ExplainStreamRequest, StreamOptions
from atomlens.v1.explanations_pb2 import ModelSelector

HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"]
REFLECTION = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]
SERVICES = (EXPLANATIONS, MODELS, INFERENCE, HEALTH, REFLECTION)
METHODS: dict[str, Any] = {
    f"/{service.full_name}/{method.name}": method for service in SERVICES for method in service.methods
}
del METHODS["/grpc.health.v1.Health/List"]  # the library's servicer has none
CUT = b"\x0a\x05ab"  # a text of five bytes that has two
BYTES = {
    "cut": CUT,
    "no tag": b"\xff" * 11,
    "wrong wire type": b"\x0f",
    "group": b"\x0b\x0b\x0b",
    "text": b"GET /",
}
OPEN = ExplainStreamRequest(
    options=StreamOptions(model=ModelSelector(name="toy-bpnn-energy"))
).SerializeToString()


async def ask(channel: grpc.aio.Channel, path: str, *messages: bytes) -> grpc.aio.AioRpcError | None:
    """Send bytes as they are; return how the call failed."""
    method = METHODS[path]
    kind = (
        "stream" if method.client_streaming else "unary",
        "stream" if method.server_streaming else "unary",
    )
    call = getattr(channel, "_".join(kind))(path)
    try:
        answer = call(iter(messages) if method.client_streaming else messages[0], timeout=30)
        if method.server_streaming:
            async for _ in answer:
                pass
        else:
            await answer
    except grpc.aio.AioRpcError as error:
        return error
    return None


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing of what is tested here is worth an error in the server's log."""
    with caplog.at_level(logging.ERROR):
        yield
    assert not caplog.records


@pytest.fixture(scope="module")
def address(background: Callable[[ServerSettings], str], toy_repository: Path) -> str:
    """A server with the toy models."""
    return background(ServerSettings(address="127.0.0.1:0", models=toy_repository))


@pytest.mark.parametrize("path", METHODS)
def test_what_is_no_message_is_the_callers_fault(path: str, address: str) -> None:
    """Whatever the method, and the next call is answered."""

    async def main() -> None:
        async with grpc.aio.insecure_channel(address) as channel:
            for data in BYTES.values():
                error = await ask(channel, path, data)
                assert error is not None
                assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
                assert "the message cannot be read" in str(error.details())
                assert await ask(channel, "/grpc.health.v1.Health/Check", b"") is None

    asyncio.run(main())


def test_a_stream_ends_with_what_cannot_be_read(address: str) -> None:
    """Also where it began well; the status says so in details as any other does."""

    async def main() -> None:
        async with grpc.aio.insecure_channel(address) as channel:
            error = await ask(channel, "/atomlens.v1.ExplanationService/ExplainStream", OPEN, CUT)
            assert error is not None
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
            metadata = dict(error.trailing_metadata() or ())
            status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
            info = error_details_pb2.ErrorInfo()
            assert status.details[0].Unpack(info)
            assert info.reason == "UNREADABLE"

    asyncio.run(main())


def test_a_message_is_itself() -> None:
    """Nothing is made of what can be read."""
    message = ExplainRequest()
    assert readable(message) is message
