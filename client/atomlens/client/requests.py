"""Requests: messages made from structures, and answers read with the structures they belong to."""

from __future__ import annotations

from collections.abc import Sequence

from atomlens.client import wire
from atomlens.client.explanation import Outcome
from atomlens.client.ledger import Entry, Ledger
from atomlens.client.structure import Structure
from atomlens.v1 import explanation_service_pb2, explanations_pb2, model_service_pb2


def explain_request(model: str, structures: Sequence[Structure]) -> explanation_service_pb2.ExplainRequest:
    """Return the request for one batch."""
    return explanation_service_pb2.ExplainRequest(
        model=explanations_pb2.ModelSelector(name=model), structures=wire.encode(structures)
    )


def read_response(
    response: explanation_service_pb2.ExplainResponse, structures: Sequence[Structure]
) -> list[Outcome]:
    """Return the outcome of each structure of a batch."""
    return wire.decode(response.explanations, response.provenance, structures)


def embedding_request(model: str) -> model_service_pb2.GetEmbeddingRequest:
    """Return the request for the embedding of one model."""
    return model_service_pb2.GetEmbeddingRequest(model=explanations_pb2.ModelSelector(name=model))


def opening_request(model: explanations_pb2.ModelSelector) -> explanation_service_pb2.ExplainStreamRequest:
    """Return the first message of a stream."""
    return explanation_service_pb2.ExplainStreamRequest(
        options=explanation_service_pb2.StreamOptions(model=model)
    )


def chunk_request(entries: Sequence[Entry]) -> explanation_service_pb2.ExplainStreamRequest:
    """Return a message with structures and their ids."""
    return explanation_service_pb2.ExplainStreamRequest(
        chunk=explanation_service_pb2.StructureChunk(
            ids=wire.encode_ids([entry.id for entry in entries]),
            structures=wire.encode([entry.structure for entry in entries]),
        )
    )


def read_chunk(chunk: explanation_service_pb2.ExplanationChunk, ledger: Ledger) -> None:
    """Settle the answers of a chunk."""
    ids = wire.decode_ids(chunk.ids)
    ledger.settle(ids, wire.decode(chunk.explanations, chunk.provenance, ledger.structures(ids)))


def pinned(
    model: explanations_pb2.ModelSelector, response: explanation_service_pb2.ExplainStreamResponse
) -> explanations_pb2.ModelSelector:
    """Return the selector of the version that a stream was opened with, for when it begins again."""
    if not response.HasField("opened"):
        return model
    opened = response.opened
    return explanations_pb2.ModelSelector(name=f"{opened.model}@{opened.version}", digest=opened.digest)
