"""Requests: messages made from structures, and answers read with the structures they belong to."""

from __future__ import annotations

import numpy as np

from atomlens.client import wire
from atomlens.client.explanations import Explanations
from atomlens.client.ledger import Ledger, Sending
from atomlens.client.structures import Structures
from atomlens.v1 import explanation_service_pb2, explanations_pb2, model_service_pb2


def explain_request(
    model: explanations_pb2.ModelSelector, structures: Structures
) -> explanation_service_pb2.ExplainRequest:
    """Return the request for one batch."""
    return explanation_service_pb2.ExplainRequest(model=model, structures=wire.encode(structures))


def read_response(response: explanation_service_pb2.ExplainResponse, structures: Structures) -> Explanations:
    """Return the answers to a batch."""
    return wire.decode(response.explanations, response.provenance, structures)


def embedding_request(model: str) -> model_service_pb2.GetEmbeddingRequest:
    """Return the request for the embedding of one model."""
    return model_service_pb2.GetEmbeddingRequest(model=explanations_pb2.ModelSelector(name=model))


def opening_request(model: explanations_pb2.ModelSelector) -> explanation_service_pb2.ExplainStreamRequest:
    """Return the first message of a stream."""
    return explanation_service_pb2.ExplainStreamRequest(
        options=explanation_service_pb2.StreamOptions(model=model)
    )


def chunk_request(sending: Sending) -> explanation_service_pb2.ExplainStreamRequest:
    """Return a message with structures and their ids."""
    return explanation_service_pb2.ExplainStreamRequest(
        chunk=explanation_service_pb2.StructureChunk(
            ids=wire.encode_ids(sending.ids), structures=wire.encode(sending.structures)
        )
    )


def read_chunk(chunk: explanation_service_pb2.ExplanationChunk, ledger: Ledger) -> None:
    """Settle the answers of a chunk."""

    def read(structures: Structures) -> Explanations:
        return wire.decode(chunk.explanations, chunk.provenance, structures)

    ledger.settle(wire.decode_ids(chunk.ids).astype(np.int64), read)


def pinned(
    model: explanations_pb2.ModelSelector, response: explanation_service_pb2.ExplainStreamResponse
) -> explanations_pb2.ModelSelector:
    """Return the selector of the version that a stream was opened with, for when it begins again."""
    if not response.HasField("opened"):
        return model
    opened = response.opened
    return explanations_pb2.ModelSelector(name=f"{opened.model}@{opened.version}", digest=opened.digest)


def settled(answer: Explanations) -> explanations_pb2.ModelSelector:
    """Return the selector of the version that gave an answer, for what else belongs to it."""
    (model,) = answer.models
    return explanations_pb2.ModelSelector(name=str(model), digest=model.digest)
