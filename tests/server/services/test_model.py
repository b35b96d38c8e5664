"""`atomlens.server.services.model`: over a real socket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
from prometheus_client import generate_latest

from atomlens.server.errors import BundleError
from atomlens.server.repository import Repository
from atomlens.server.services.translation import DETAILS
from atomlens.v1.explanations_pb2 import ModelSelector
from atomlens.v1.model_service_pb2 import (
    MODEL_STATE_FAILED,
    MODEL_STATE_READY,
    GetEmbeddingRequest,
    GetEmbeddingResponse,
    GetModelRequest,
    ListModelsRequest,
    RefreshModelsRequest,
)
from atomlens.v1.model_service_pb2_grpc import ModelServiceStub
from tests.server.published import Published


def test_models_are_listed_and_told(serving: Callable[..., Any]) -> None:
    """All of them, and each with its card."""

    async def main() -> None:
        async with serving() as (_, channel):
            service: Any = ModelServiceStub(channel)
            listed = await service.ListModels(ListModelsRequest())
            assert [one.name for one in listed.models] == [
                "toy-bpnn-dipole",
                "toy-bpnn-energy",
                "toy-bpnn-formation",
                "toy-schnet-dipole",
                "toy-schnet-energy",
                "toy-schnet-extent",
                "toy-schnet-formation",
            ]
            told = await service.GetModel(GetModelRequest(name="toy-bpnn-energy@1"))
            assert told.status == listed.models[1]
            assert told.card.files["atoms.onnx"]

    asyncio.run(main())


def test_cards_and_embeddings_are_read_beside_the_loop(
    serving: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some are large, and calls that others wait for would wait for them; a card is read once."""
    threads: list[threading.Thread] = []
    parse = json_format.Parse

    def noted(*args: Any) -> Any:
        threads.append(threading.current_thread())
        return parse(*args)

    async def main() -> None:
        async with serving() as (_, channel):
            monkeypatch.setattr(json_format, "Parse", noted)
            service: Any = ModelServiceStub(channel)
            for _ in range(3):
                told = await service.GetModel(GetModelRequest(name="toy-schnet-energy"))
                assert told.card.name == "toy-schnet-energy"
            selector = ModelSelector(name="toy-schnet-energy")
            await service.GetEmbedding(GetEmbeddingRequest(model=selector))

    asyncio.run(main())
    (thread,) = threads
    assert thread is not threading.main_thread()


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


def embedding_of(serving: Callable[..., Any], name: str, digest: str = "") -> Any:
    """Return what a real server answers to the question for an embedding."""

    async def main() -> Any:
        async with serving() as (_, channel):
            service: Any = ModelServiceStub(channel)
            request = GetEmbeddingRequest(model=ModelSelector(name=name, digest=digest))
            try:
                return await service.GetEmbedding(request)
            except grpc.aio.AioRpcError as error:
                return error

    return asyncio.run(main())


def reason(error: grpc.aio.AioRpcError) -> str:
    """Return the fixed word of an error's details."""
    details = dict(error.trailing_metadata() or ())[DETAILS]
    info = error_details_pb2.ErrorInfo()
    assert status_pb2.Status.FromString(details).details[0].Unpack(info)
    return str(info.reason)


def test_an_embedding_is_told(serving: Callable[..., Any], repository: Repository) -> None:
    """With the status of its model and the rows of the card, under the digest that was expected."""
    digest = repository.find("toy-schnet-energy").digest
    told = embedding_of(serving, "toy-schnet-energy@1", digest)
    assert isinstance(told, GetEmbeddingResponse)
    assert (told.status.name, told.status.version, told.status.digest) == ("toy-schnet-energy", 1, digest)
    assert told.embedding.numbers == bytes([1, 6, 7, 8])
    rows = np.frombuffer(told.embedding.rows, "<f8").reshape(4, told.embedding.features)
    scores = np.frombuffer(told.embedding.scores, "<f8").reshape(4, 3)
    components = np.frombuffer(told.embedding.components, "<f8").reshape(3, told.embedding.features)
    np.testing.assert_allclose(scores @ components, rows - rows.mean(axis=0), atol=1e-12)
    assert (np.frombuffer(told.embedding.training_atoms, "<u8") > 0).all()


@pytest.mark.parametrize(
    ("name", "digest", "code", "word"),
    [
        ("toy-bpnn-energy", "", grpc.StatusCode.FAILED_PRECONDITION, "NO_EMBEDDING"),
        ("toy-schnet-energy", "ab" * 32, grpc.StatusCode.FAILED_PRECONDITION, "DIGEST_MISMATCH"),
        ("nope", "", grpc.StatusCode.NOT_FOUND, "UNKNOWN_MODEL"),
        ("", "", grpc.StatusCode.NOT_FOUND, "UNKNOWN_MODEL"),
    ],
)
def test_an_embedding_that_is_not_to_be_had(
    serving: Callable[..., Any], name: str, digest: str, code: grpc.StatusCode, word: str
) -> None:
    """Is refused with the reason, by a model that has none as by one that is not there."""
    error = embedding_of(serving, name, digest)
    assert isinstance(error, grpc.aio.AioRpcError)
    assert (error.code(), reason(error)) == (code, word)


def test_a_refresh_answers_when_what_is_new_is_served(
    serving: Callable[..., Any], toy_repository: Path, tmp_path: Path
) -> None:
    """With the state of every version; the next call by the name alone gets it."""
    published = Published(toy_repository, tmp_path / "models")
    published.publish(1)

    async def main() -> None:
        async with serving(models=published.root, models_poll_seconds=0.0) as (_, channel):
            service: Any = ModelServiceStub(channel)
            published.publish(2)
            published.publish(3, b"no graph")
            told = await service.RefreshModels(RefreshModelsRequest())
            assert [(one.version, one.state, one.is_default) for one in told.models] == [
                (1, MODEL_STATE_READY, False),
                (2, MODEL_STATE_READY, True),
                (3, MODEL_STATE_FAILED, False),
            ]
            assert (await service.ListModels(ListModelsRequest())).models == told.models
            assert (await service.GetModel(GetModelRequest(name=published.name))).status.version == 2
            published.remove(1)
            told = await service.RefreshModels(RefreshModelsRequest())
            assert [one.version for one in told.models] == [2, 3]

    asyncio.run(main())


def test_a_start_without_the_highest_version(
    serving: Callable[..., Any], toy_repository: Path, tmp_path: Path
) -> None:
    """Serves an older one under the name alone, and says so; where no version can serve it is no start."""
    published = Published(toy_repository, tmp_path / "models")
    published.publish(1)
    published.publish(2, b"no graph")

    async def main() -> None:
        async with serving(models=published.root) as (_, channel):
            service: Any = ModelServiceStub(channel)
            assert (await service.GetModel(GetModelRequest(name=published.name))).status.version == 1
            listed = await service.ListModels(ListModelsRequest())
            assert [one.state for one in listed.models] == [MODEL_STATE_READY, MODEL_STATE_FAILED]
        published.remove(1)
        with pytest.raises(BundleError, match="there is no model that can be served"):
            async with serving(models=published.root):
                pass

    asyncio.run(main())


def test_states_and_loads_are_told_to_metrics(
    serving: Callable[..., Any], toy_repository: Path, tmp_path: Path
) -> None:
    """From the start on."""
    published = Published(toy_repository, tmp_path / "models")
    published.publish(1)

    async def main() -> None:
        async with serving(models=published.root, models_poll_seconds=0.0) as (server, channel):
            service: Any = ModelServiceStub(channel)
            published.publish(2, b"no graph")
            await service.RefreshModels(RefreshModelsRequest())
            text = generate_latest(server.metrics.registry).decode()
        for line in (
            f'atomlens_model_state{{model="{published.name}",state="ready",version="1"}} 1.0',
            f'atomlens_model_state{{model="{published.name}",state="failed",version="2"}} 1.0',
            'atomlens_model_loads_total{outcome="succeeded"} 1.0',
            'atomlens_model_loads_total{outcome="failed"} 1.0',
        ):
            assert line in text

    asyncio.run(main())
