"""`atomlens.server.local`: the services without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from atomlens.server.errors import InputError, UnknownModelError, UnusableModelError
from atomlens.server.local import LocalService
from atomlens.server.structures import Structures
from atomlens.v1 import structures_pb2
from atomlens.v1.explanation_service_pb2 import (
    ExplainRequest,
    ExplainStreamRequest,
    StreamOptions,
    StructureChunk,
)
from atomlens.v1.explanations_pb2 import ModelSelector
from atomlens.v1.model_service_pb2 import GetEmbeddingRequest, GetModelRequest, ListModelsRequest

Pack = Callable[[Structures], structures_pb2.Structures]
MODEL = ModelSelector(name="toy-bpnn-energy")


@pytest.fixture(scope="module")
def service(toy_repository: Path) -> LocalService:
    """The toy models in this process."""
    return LocalService(toy_repository)


def test_a_batch_is_answered(service: LocalService, water: Structures, pack: Pack) -> None:
    """With failures in their places and provenance."""
    batch = Structures.concatenate([water, replace(water, charges=np.array([2.0]))])
    answer = service.explain(ExplainRequest(model=MODEL, structures=pack(batch)))
    assert [failure.structure for failure in answer.explanations.failures] == [1]
    assert (answer.provenance.model, answer.provenance.batch_cost) == ("toy-bpnn-energy", 9)
    assert answer.provenance.compute_ms > 0


def test_a_stream_is_answered_chunk_by_chunk(service: LocalService, water: Structures, pack: Pack) -> None:
    """Lazily, each under the ids it came with."""
    read: list[int] = []

    def requests() -> Iterator[ExplainStreamRequest]:
        yield ExplainStreamRequest(options=StreamOptions(model=MODEL))
        for number in range(3):
            read.append(number)
            ids = np.array([10 + number], "<u8").tobytes()
            yield ExplainStreamRequest(chunk=StructureChunk(ids=ids, structures=pack(water)))

    answers = service.explain_stream(requests())
    assert next(answers).opened.model == "toy-bpnn-energy"
    assert np.frombuffer(next(answers).chunk.ids, "<u8").tolist() == [10]
    assert read == [0]
    assert [np.frombuffer(answer.chunk.ids, "<u8")[0] for answer in answers] == [11, 12]


def test_errors_of_a_call_are_raised(service: LocalService) -> None:
    """As the server errors that the network would carry."""
    with pytest.raises(UnknownModelError):
        service.explain(ExplainRequest(model=ModelSelector(name="nope")))
    with pytest.raises(InputError):
        service.explain(ExplainRequest(model=MODEL, structures=structures_pb2.Structures(counts=b"123")))
    with pytest.raises(InputError, match="must carry `options`"):
        next(service.explain_stream(iter([])))


def test_models_are_told(service: LocalService) -> None:
    """As by the model service."""
    assert len(service.list_models(ListModelsRequest()).models) == 7
    assert service.get_model(GetModelRequest(name="toy-bpnn-energy")).card.family == "bpnn"


def test_embeddings_are_told(service: LocalService) -> None:
    """As by the model service, the digest that the caller expects included."""
    told = service.get_embedding(GetEmbeddingRequest(model=ModelSelector(name="toy-schnet-energy")))
    assert (told.status.name, told.embedding.numbers) == ("toy-schnet-energy", bytes([1, 6, 7, 8]))
    other = ModelSelector(name="toy-schnet-energy", digest="ab" * 32)
    for request in (GetEmbeddingRequest(model=MODEL), GetEmbeddingRequest(model=other)):
        with pytest.raises(UnusableModelError):
            service.get_embedding(request)


def test_the_environment_bounds_structures_as_it_does_a_servers(
    toy_repository: Path,
    pack: Pack,
    water: Structures,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a server refuses by its settings is refused in process too, and the error names the setting."""
    request = ExplainRequest(model=MODEL, structures=pack(water))
    assert not LocalService(toy_repository).explain(request).explanations.failures
    monkeypatch.setenv("ATOMLENS_MAX_STRUCTURE_COST", "5")
    (failure,) = LocalService(toy_repository).explain(request).explanations.failures
    assert "`max_structure_cost`" in failure.status.message
