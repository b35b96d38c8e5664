"""`atomlens.server.services.model`: over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from atomlens.v1.model_service_pb2 import GetModelRequest, ListModelsRequest
from atomlens.v1.model_service_pb2_grpc import ModelServiceStub


def test_models_are_listed_and_told(serving: Callable[..., Any]) -> None:
    """All of them, and each with its card."""

    async def main() -> None:
        async with serving() as (_, channel):
            service: Any = ModelServiceStub(channel)
            listed = await service.ListModels(ListModelsRequest())
            assert [one.name for one in listed.models] == [
                "toy-bpnn-dipole",
                "toy-bpnn-energy",
                "toy-schnet-dipole",
                "toy-schnet-energy",
            ]
            told = await service.GetModel(GetModelRequest(name="toy-bpnn-energy@1"))
            assert told.status == listed.models[1]
            assert told.card.files["atoms.onnx"]

    asyncio.run(main())


def test_an_unknown_model_is_not_found(serving: Callable[..., Any]) -> None:
    """By its name."""

    async def main() -> None:
        async with serving() as (_, channel):
            service: Any = ModelServiceStub(channel)
            with pytest.raises(
                grpc.aio.AioRpcError, match="`model` 'nope' is unknown; there are toy-bpnn"
            ) as caught:
                await service.GetModel(GetModelRequest(name="nope"))
            assert caught.value.code() == grpc.StatusCode.NOT_FOUND

    asyncio.run(main())
