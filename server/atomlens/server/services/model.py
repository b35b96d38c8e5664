"""The model service."""

from __future__ import annotations

import asyncio

from atomlens.server import answers
from atomlens.server.calls import Call
from atomlens.server.repository import Repository
from atomlens.server.watching import RepositoryWatcher
from atomlens.v1 import model_service_pb2 as pb
from atomlens.v1 import model_service_pb2_grpc as pb_grpc


class ModelServicer(pb_grpc.ModelServiceServicer):
    """Answers ListModels, GetModel, GetEmbedding and RefreshModels."""

    def __init__(self, repository: Repository, watcher: RepositoryWatcher) -> None:
        self._repository, self._watcher = repository, watcher

    async def ListModels(self, request: pb.ListModelsRequest, call: Call) -> pb.ListModelsResponse:  # type: ignore[override]  # noqa: ARG002, N802
        """Return all models."""
        return answers.list_models(self._repository)

    async def GetModel(self, request: pb.GetModelRequest, call: Call) -> pb.GetModelResponse:  # type: ignore[override]  # noqa: ARG002, N802
        """Return one model's status and card, read beside the event loop."""
        return await asyncio.to_thread(answers.get_model, self._repository, request.name)

    async def GetEmbedding(  # type: ignore[override]  # noqa: N802
        self,
        request: pb.GetEmbeddingRequest,
        call: Call,  # noqa: ARG002
    ) -> pb.GetEmbeddingResponse:
        """Return one model's embedding, computed beside the event loop."""
        model = request.model
        return await asyncio.to_thread(answers.get_embedding, self._repository, model.name, model.digest)

    async def RefreshModels(  # type: ignore[override]  # noqa: N802
        self,
        request: pb.RefreshModelsRequest,  # noqa: ARG002
        call: Call,  # noqa: ARG002
    ) -> pb.RefreshModelsResponse:
        """Return all models after a look at the repository."""
        await self._watcher.refresh()
        return answers.refreshed(self._repository)
