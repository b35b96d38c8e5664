"""`atomlens.server.services.reflection`: asked as generic tools ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

NAMES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
METHODS = {
    "atomlens.v1.ExplanationService": ["Explain", "ExplainStream", "Probe"],
    "inference.GRPCInferenceService": [
        "ServerLive",
        "ServerReady",
        "ModelReady",
        "ServerMetadata",
        "ModelMetadata",
        "ModelConfig",
        "ModelInfer",
    ],
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("symbol", "methods"), METHODS.items())
def test_services_and_their_messages_are_told(
    name: str, symbol: str, methods: list[str], serving: Callable[..., Any]
) -> None:
    """Under the old name and under the new one, also what is not among the usual descriptors."""

    async def main() -> None:
        async with serving() as (_, channel):
            ask = channel.stream_stream(
                f"/{name}/ServerReflectionInfo",
                ServerReflectionRequest.SerializeToString,
                ServerReflectionResponse.FromString,
            )
            requests = [
                ServerReflectionRequest(list_services=""),
                ServerReflectionRequest(file_containing_symbol=symbol),
            ]
            services, files = [answer async for answer in ask(iter(requests))]
            found = {service.name for service in services.list_services_response.service}
            assert found == {*METHODS, "atomlens.v1.ModelService", "grpc.health.v1.Health", *NAMES}
            file = FileDescriptorProto.FromString(files.file_descriptor_response.file_descriptor_proto[0])
            assert [method.name for method in file.service[0].method] == methods

    asyncio.run(main())


@pytest.mark.parametrize("name", NAMES)
def test_a_server_with_tokens_answers_who_has_one(
    name: str, serving: Callable[..., Any], tmp_path: Path
) -> None:
    """Any token will do: what there is to ask is no secret among those who may ask."""
    tokens = tmp_path / "tokens"
    tokens.write_text(f"ada probe {sha256(b'sesame').hexdigest()}\n")
    tokens.chmod(0o600)

    async def main() -> None:
        async with serving(tokens=tokens) as (_, channel):
            ask = channel.stream_stream(
                f"/{name}/ServerReflectionInfo",
                ServerReflectionRequest.SerializeToString,
                ServerReflectionResponse.FromString,
            )
            requests = [ServerReflectionRequest(list_services="")]
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await ask(iter(requests)).read()
            assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
            answer = await ask(iter(requests), metadata=(("authorization", "Bearer sesame"),)).read()
            assert answer.list_services_response.service

    asyncio.run(main())
