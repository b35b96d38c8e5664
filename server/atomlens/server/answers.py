"""Answers: what the model service says, for the gRPC server and the in-process service alike."""

from __future__ import annotations

from atomlens.server.catalog import Entry, State
from atomlens.server.embedding import Embedding
from atomlens.server.model import Model
from atomlens.server.repository import Repository
from atomlens.v1 import model_service_pb2

STATES = {
    State.LOADING: model_service_pb2.MODEL_STATE_LOADING,
    State.READY: model_service_pb2.MODEL_STATE_READY,
    State.FAILED: model_service_pb2.MODEL_STATE_FAILED,
    State.DRAINING: model_service_pb2.MODEL_STATE_DRAINING,
    State.SET_ASIDE: model_service_pb2.MODEL_STATE_SET_ASIDE,
}


def list_models(repository: Repository) -> model_service_pb2.ListModelsResponse:
    """Return every version of every model: those that serve, then those that do not and why."""
    return model_service_pb2.ListModelsResponse(models=_statuses(repository), trouble=repository.trouble)


def refreshed(repository: Repository) -> model_service_pb2.RefreshModelsResponse:
    """Return the same as `list_models`, after a look at the repository."""
    return model_service_pb2.RefreshModelsResponse(models=_statuses(repository), trouble=repository.trouble)


def get_model(repository: Repository, name: str) -> model_service_pb2.GetModelResponse:
    """Return one model's status and card.

    Raises:
        UnknownModelError: there is no such model.
        UnusableModelError: it could not be loaded.
    """
    model = repository.find(name)
    return model_service_pb2.GetModelResponse(
        status=_ready(repository, model), card=model.bundle.card_message
    )


def get_embedding(repository: Repository, name: str, digest: str) -> model_service_pb2.GetEmbeddingResponse:
    """Return one model's status and embedding.

    Raises:
        UnknownModelError: there is no such model.
        UnusableModelError: it could not be loaded, has another digest, or has no embedding.
    """
    model = repository.find(name, digest)
    embedding = Embedding.from_card(model.bundle.card_message).to_proto()
    return model_service_pb2.GetEmbeddingResponse(status=_ready(repository, model), embedding=embedding)


def _statuses(repository: Repository) -> list[model_service_pb2.ModelStatus]:
    entries = repository.entries
    ready = [_ready(repository, entry.model) for entry in entries if entry.model is not None]
    return [*ready, *(_unready(entry) for entry in entries if entry.model is None)]


def _ready(repository: Repository, model: Model) -> model_service_pb2.ModelStatus:
    reason = next((entry.reason for entry in repository.entries if entry.model is model), "")
    return model_service_pb2.ModelStatus(
        name=model.name,
        version=model.version,
        digest=model.digest,
        state=model_service_pb2.MODEL_STATE_READY,
        reason=reason,
        provider=model.provider,
        family=model.card.family,
        heads=[head.name for head in model.card.heads],
        elements=model.card.elements,
        is_default=repository.is_default(model),
    )


def _unready(entry: Entry) -> model_service_pb2.ModelStatus:
    return model_service_pb2.ModelStatus(
        name=entry.name,
        version=entry.version,
        digest=entry.digest,
        state=STATES[entry.state],
        reason=entry.reason,
    )
