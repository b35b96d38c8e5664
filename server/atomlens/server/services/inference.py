"""The Open Inference Protocol v2, for clients and load generators of other inference servers."""

from __future__ import annotations

import asyncio
import math
from importlib.metadata import version
from typing import Any

import grpc

from atomlens.open_inference import open_inference_pb2 as pb
from atomlens.open_inference import open_inference_pb2_grpc as pb_grpc
from atomlens.server.async_engine import AsyncEngine
from atomlens.server.errors import ServerError
from atomlens.server.open_inference import signature
from atomlens.server.open_inference.answer import answer
from atomlens.server.open_inference.inference import Inference, find
from atomlens.server.open_inference.tensors import are_raw

Context = grpc.aio.ServicerContext[Any, Any]
NAME = "atomlens"
EXTENSIONS = ("model_configuration",)


class InferenceServicer(pb_grpc.GRPCInferenceServiceServicer):
    """Answers what the protocol asks of a server and its models."""

    def __init__(self, engine: AsyncEngine, draining: asyncio.Event) -> None:
        self._engine, self._draining = engine, draining
        self._version = version(NAME)

    async def ServerLive(self, request: pb.ServerLiveRequest, context: Context) -> pb.ServerLiveResponse:  # noqa: ARG002, N802
        """Return that the server answers."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: pb.ServerReadyRequest, context: Context) -> pb.ServerReadyResponse:  # noqa: ARG002, N802
        """Return whether the server takes requests."""
        return pb.ServerReadyResponse(ready=not self._draining.is_set())

    async def ModelReady(self, request: pb.ModelReadyRequest, context: Context) -> pb.ModelReadyResponse:  # noqa: ARG002, N802
        """Return whether a model takes requests; one that there is not does not."""
        try:
            find(self._engine.repository, request.name, request.version)
        except ServerError:
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=not self._draining.is_set())

    async def ServerMetadata(  # noqa: N802
        self,
        request: pb.ServerMetadataRequest,  # noqa: ARG002
        context: Context,  # noqa: ARG002
    ) -> pb.ServerMetadataResponse:
        """Return what the server is."""
        return pb.ServerMetadataResponse(name=NAME, version=self._version, extensions=EXTENSIONS)

    async def ModelMetadata(  # noqa: N802
        self,
        request: pb.ModelMetadataRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.ModelMetadataResponse:
        """Return which tensors a model takes and gives, and its versions."""
        repository = self._engine.repository
        model = find(repository, request.name, request.version)
        versions = [str(other.version) for other in repository.models if other.name == model.name]
        return signature.metadata(model.card, versions)

    async def ModelConfig(self, request: pb.ModelConfigRequest, context: Context) -> pb.ModelConfigResponse:  # noqa: ARG002, N802
        """Return the same with what may be left out."""
        model = find(self._engine.repository, request.name, request.version)
        return signature.configuration(model.card)

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Context) -> pb.ModelInferResponse:  # noqa: N802
        """Explain the structures that the tensors hold."""
        deadline, engine = _deadline(context), self._engine
        if are_raw(request):
            inference = Inference.from_proto(request, engine.repository)
        else:
            inference = await engine.outside(Inference.from_proto, request, engine.repository)
        model, structures = inference.model, inference.structures
        admission = await engine.admit(model, structures, inference.heads)
        explanations, provenance = await engine.finish(model, admission, deadline)
        return await engine.handily(structures, answer, inference, explanations, provenance)


def _deadline(context: Context) -> float:
    """Return the call's deadline as a point on the event loop's clock."""
    left = context.time_remaining()
    return math.inf if left is None else asyncio.get_running_loop().time() + left
