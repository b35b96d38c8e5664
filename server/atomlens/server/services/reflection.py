"""Reflection, under both names that clients ask for: v1, and v1alpha which the library speaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

from atomlens.open_inference import open_inference_pb2

V1 = "grpc.reflection.v1.ServerReflection"


def enable_reflection(server: grpc.aio.Server, services: Sequence[str]) -> None:
    """Let clients ask which services there are. The messages of both versions are the same on the wire."""
    names = (*services, V1, reflection.SERVICE_NAME)
    pool: Any = _Pools()
    reflection.enable_server_reflection(names, server, pool)
    handler = grpc.stream_stream_rpc_method_handler(
        ReflectionServicer(names, pool).ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(V1, {"ServerReflectionInfo": handler}),)
    )


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
