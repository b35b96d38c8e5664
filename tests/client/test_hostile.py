"""A server over a real socket whose answers are no messages: every call ends, with an error of the client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from atomlens.client import AsyncClient, Client, InternalError

from .conftest import WATER

GARBAGE = b"\xff\xff"
SYNC: dict[str, Callable[[Client], object]] = {
    "explain": lambda client: client.explain(WATER, "m"),
    "batch": lambda client: client.explain_batch([WATER], "m"),
    "stream": lambda client: list(client.stream([WATER], "m")),
    "probe": lambda client: client.probe(WATER, "H", "m"),
    "models": lambda client: client.models(),
    "refresh": lambda client: client.refresh_models(),
    "model": lambda client: client.model("m"),
    "embedding": lambda client: client.embedding("m"),
}


async def _stream(client: AsyncClient) -> list[Any]:
    return [outcome async for outcome in client.stream([WATER], "m")]


ASYNC: dict[str, Callable[[AsyncClient], Coroutine[Any, Any, object]]] = {
    "explain": lambda client: client.explain(WATER, "m"),
    "batch": lambda client: client.explain_batch([WATER], "m"),
    "stream": _stream,
    "probe": lambda client: client.probe(WATER, "H", "m"),
    "models": lambda client: client.models(),
    "refresh": lambda client: client.refresh_models(),
    "model": lambda client: client.model("m"),
    "embedding": lambda client: client.embedding("m"),
}


class _Garbage(grpc.GenericRpcHandler):
    """Answers every method with the same bytes."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Return what answers a call."""
        if handler_call_details.method.endswith("Stream"):
            return grpc.stream_stream_rpc_method_handler(lambda *_: iter([GARBAGE]))
        if handler_call_details.method.endswith("Probe"):
            return grpc.unary_stream_rpc_method_handler(lambda *_: iter([GARBAGE]))
        return grpc.unary_unary_rpc_method_handler(lambda *_: GARBAGE)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """That server."""
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((_Garbage(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.mark.parametrize("name", SYNC)
def test_what_cannot_be_read_is_a_fault_of_the_server(name: str, address: str) -> None:
    """And not tried again; a stream that is still being sent ends too."""
    with Client(address, timeout_seconds=30) as client, pytest.raises(InternalError):
        SYNC[name](client)


@pytest.mark.parametrize("name", ASYNC)
def test_nor_can_it_be_read_on_an_event_loop(name: str, address: str) -> None:
    """Where gRPC hands it out as nothing at all."""

    async def main() -> None:
        async with AsyncClient(address, timeout_seconds=30) as client:
            with pytest.raises(InternalError, match="an answer that cannot be read"):
                await ASYNC[name](client)

    asyncio.run(main())
