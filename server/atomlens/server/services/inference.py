"""The Open Inference Protocol v2, for clients and load generators of other inference servers."""

from __future__ import annotations

import asyncio
from importlib.metadata import version

from atomlens.open_inference import open_inference_pb2 as pb
from atomlens.open_inference import open_inference_pb2_grpc as pb_grpc
from atomlens.server.async_engine import AsyncEngine
from atomlens.server.calls import Call
from atomlens.server.errors import ServerError
from atomlens.server.open_inference import signature
from atomlens.server.open_inference.answer import answer, check_failures
from atomlens.server.open_inference.inference import Inference, find
from atomlens.server.open_inference.tensors import are_raw

NAME = "atomlens"
EXTENSIONS = ("model_configuration",)


class InferenceServicer(pb_grpc.GRPCInferenceServiceServicer):
    """Answers what the protocol asks of a server and its models."""

    def __init__(self, engine: AsyncEngine, draining: asyncio.Event) -> None:
        self._engine, self._draining = engine, draining
        self._version = version(NAME)

    async def ServerLive(self, request: pb.ServerLiveRequest, call: Call) -> pb.ServerLiveResponse:  # type: ignore[override]  # noqa: ARG002, N802
        """Return that the server answers."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: pb.ServerReadyRequest, call: Call) -> pb.ServerReadyResponse:  # type: ignore[override]  # noqa: ARG002, N802
        """Return whether the server takes requests."""
        return pb.ServerReadyResponse(ready=not self._draining.is_set())

    async def ModelReady(self, request: pb.ModelReadyRequest, call: Call) -> pb.ModelReadyResponse:  # type: ignore[override]  # noqa: ARG002, N802
        """Return whether a model takes requests; one that there is not does not."""
        try:
            find(self._engine.repository, request.name, request.version)
        except ServerError:
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=not self._draining.is_set())

    async def ServerMetadata(  # type: ignore[override]  # noqa: N802
        self,
        request: pb.ServerMetadataRequest,  # noqa: ARG002
        call: Call,  # noqa: ARG002
    ) -> pb.ServerMetadataResponse:
        """Return what the server is."""
        return pb.ServerMetadataResponse(name=NAME, version=self._version, extensions=EXTENSIONS)

    async def ModelMetadata(  # type: ignore[override]  # noqa: N802
        self,
        request: pb.ModelMetadataRequest,
        call: Call,  # noqa: ARG002
    ) -> pb.ModelMetadataResponse:
        """Return which tensors a model takes and gives, and its versions."""
        repository = self._engine.repository
        model = find(repository, request.name, request.version)
        versions = [str(other.version) for other in repository.models if other.name == model.name]
        return signature.metadata(model.card, versions)

    async def ModelConfig(self, request: pb.ModelConfigRequest, call: Call) -> pb.ModelConfigResponse:  # type: ignore[override]  # noqa: ARG002, N802
        """Return the same with what may be left out."""
        model = find(self._engine.repository, request.name, request.version)
        return signature.configuration(model.card)

    async def ModelInfer(self, request: pb.ModelInferRequest, call: Call) -> pb.ModelInferResponse:  # type: ignore[override]  # noqa: N802
        """Explain the structures that the tensors hold."""
        engine = self._engine
        if are_raw(request):
            inference = Inference.from_proto(request, engine.repository)
        else:
            inference = await engine.outside(Inference.from_proto, request, engine.repository)
        model, structures = inference.model, inference.structures
        admission = await engine.admit(model, structures, inference.heads)
        check_failures(inference, admission.failures)
        explanations, provenance = await engine.finish(model, admission, call)
        return await engine.handily(structures, answer, inference, explanations, provenance)
