"""Identity: a gRPC server that returns what it is sent, for what a call costs by itself."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import grpc

SERVICE, METHOD = "benchmarks.Identity", "Echo"


class Identity:
    """`grpc.aio` on an event loop in a thread, as the server of AtomLens has it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._leave = asyncio.Event()
        self._ready: Future[str] = Future()
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=(self._serve(),), daemon=True
        )
        self._thread.start()

    def address(self) -> str:
        """Return where it listens."""
        return self._ready.result()

    def close(self) -> None:
        """Stop."""
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        server = grpc.aio.server()
        echo: Any = grpc.unary_unary_rpc_method_handler(_echo)
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {METHOD: echo})])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        self._ready.set_result(f"127.0.0.1:{port}")
        await self._leave.wait()
        await server.stop(None)


make = Identity


async def _echo(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:  # noqa: ARG001
    return request
