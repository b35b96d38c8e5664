"""Reflection, under both names that clients ask for: v1, and v1alpha which the library speaks."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

from atomlens.open_inference import open_inference_pb2
from atomlens.server.calls import Context
from atomlens.server.errors import ServerError
from atomlens.server.security.guard import Guard
from atomlens.server.services.translation import abort
from atomlens.server.services.unreadable import readable, reader

V1 = "grpc.reflection.v1.ServerReflection"
METHOD = "ServerReflectionInfo"
Requests = AsyncIterable[reflection_pb2.ServerReflectionRequest]
Responses = AsyncIterator[reflection_pb2.ServerReflectionResponse]


def enable_reflection(server: grpc.aio.Server, services: Sequence[str], guard: Guard | None = None) -> None:
    """Let clients ask which services there are. The messages of both versions are the same on the wire."""
    own = (V1, reflection.SERVICE_NAME)
    for name in own:
        handler = grpc.stream_stream_rpc_method_handler(
            _Reflection((*services, *own), guard or Guard(), f"/{name}/{METHOD}").ServerReflectionInfo,
            reader(reflection_pb2.ServerReflectionRequest.FromString),
            reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {METHOD: handler}),))


class _Reflection(ReflectionServicer):
    """Answers those whom a guard lets in."""

    def __init__(self, services: Sequence[str], guard: Guard, method: str) -> None:
        pool: Any = _Pools()
        super().__init__(services, pool)
        self._guard, self._method = guard, method

    async def ServerReflectionInfo(self, requests: Requests, context: Context) -> Responses:  # type: ignore[override]  # noqa: N802
        """Answer questions as they come."""
        try:
            self._guard.check(self._method, dict(context.invocation_metadata() or ()), context.auth_context)
            # Its types take it for a coroutine.
            answers: Any = super().ServerReflectionInfo(_readable(requests), context)
            async for response in answers:
                yield response
        except ServerError as error:
            await abort(context, error, "")


async def _readable(requests: Requests) -> Requests:
    async for request in requests:
        yield readable(request)


class _Pools:
    """The default pool of descriptors and, before it, the one of the Open Inference Protocol."""

    def __init__(self) -> None:
        self._default: Any = descriptor_pool.Default()
        self._own: Any = open_inference_pb2.DESCRIPTOR.pool

    def __getattr__(self, name: str) -> Any:
        """Return a method of pools that asks both."""

        def find(*arguments: Any) -> Any:
            try:
                return getattr(self._own, name)(*arguments)
            except KeyError:
                return getattr(self._default, name)(*arguments)

        return find
