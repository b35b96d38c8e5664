"""The model service."""

from __future__ import annotations

from typing import Any

import grpc

from atomlens.server import answers
from atomlens.server.repository import Repository
from atomlens.v1 import model_service_pb2 as pb
from atomlens.v1 import model_service_pb2_grpc as pb_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class ModelServicer(pb_grpc.ModelServiceServicer):
    """Answers ListModels and GetModel."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def ListModels(self, request: pb.ListModelsRequest, context: Context) -> pb.ListModelsResponse:  # noqa: ARG002, N802
        """Return all models."""
        return answers.list_models(self._repository)

    async def GetModel(self, request: pb.GetModelRequest, context: Context) -> pb.GetModelResponse:  # noqa: ARG002, N802
        """Return one model's status and card."""
        return answers.get_model(self._repository, request.name)
