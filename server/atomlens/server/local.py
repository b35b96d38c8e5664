"""Local: the services of the gRPC server in this process, one call after another."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from atomlens.server import answers
from atomlens.server.cpus import available_cpus
from atomlens.server.engine import Engine
from atomlens.server.probes.contexts import Contexts
from atomlens.server.probes.probe import Probe
from atomlens.server.probes.slab import Slab
from atomlens.server.probes.summary import Summary
from atomlens.server.probes.tile_values import compute_tile
from atomlens.server.repository import Repository
from atomlens.server.settings import ServerSettings
from atomlens.server.stream import Chunk, StreamOptions
from atomlens.server.structures import Structures
from atomlens.v1 import explanation_service_pb2, model_service_pb2, probes_pb2


class LocalService:
    """Answers the messages of the API with an engine and no network.

    Every method raises ServerError where the gRPC call would end with its status.
    """

    def __init__(self, models: Path | None = None, provider: str = "cpu") -> None:
        """Load a directory of models, the bundled ones for None; limits come from the environment."""
        settings = ServerSettings.from_environment({})
        repository = Repository.open(models, provider, settings.max_graph_mib)
        self._engine = Engine(repository, settings.limits)
        self._contexts = Contexts(settings.context_cache_mib * 2**20)

    def explain(
        self, request: explanation_service_pb2.ExplainRequest
    ) -> explanation_service_pb2.ExplainResponse:
        """Answer a batch."""
        structures = Structures.from_proto(request.structures)
        model = self._engine.repository.find(request.model.name, request.model.digest)
        explanations, provenance = self._engine.ask(model, structures, request.heads)
        return explanation_service_pb2.ExplainResponse(
            explanations=explanations.to_proto(), provenance=provenance.to_proto()
        )

    def explain_stream(
        self, requests: Iterator[explanation_service_pb2.ExplainStreamRequest]
    ) -> Iterator[explanation_service_pb2.ExplainStreamResponse]:
        """Answer each chunk of a stream as it comes."""
        options = StreamOptions.from_proto(next(requests, None), self._engine.repository)
        yield options.opened(self._engine.limits.batch_cost)
        for request in requests:
            chunk = Chunk.from_proto(request)
            yield chunk.answered(*self._engine.ask(options.model, chunk.structures, options.heads))

    def probe(self, request: probes_pb2.ProbeRequest) -> Iterator[probes_pb2.ProbeResponse]:
        """Answer a probe, slab by slab as they are asked for, on all cores."""
        probe = Probe.from_proto(request, self._engine.repository, self._engine.limits)
        yield probe.header()
        context, summary = self._contexts.of(probe), Summary(probe)
        with ThreadPoolExecutor(available_cpus(), "tiles") as pool:
            for index in range(probe.first_slab, probe.slabs):
                tiles = list(probe.tiles(index))
                values = pool.map(partial(compute_tile, probe, context), tiles)
                slab = Slab.assemble(probe, index, list(zip(tiles, values, strict=True)))
                summary.add(slab)
                yield slab.to_proto()
        yield summary.to_proto()

    def list_models(
        self,
        request: model_service_pb2.ListModelsRequest,  # noqa: ARG002
    ) -> model_service_pb2.ListModelsResponse:
        """Return all models."""
        return answers.list_models(self._engine.repository)

    def get_model(self, request: model_service_pb2.GetModelRequest) -> model_service_pb2.GetModelResponse:
        """Return one model's status and card."""
        return answers.get_model(self._engine.repository, request.name)

    def get_embedding(
        self, request: model_service_pb2.GetEmbeddingRequest
    ) -> model_service_pb2.GetEmbeddingResponse:
        """Return one model's status and embedding."""
        return answers.get_embedding(self._engine.repository, request.model.name, request.model.digest)

    def refresh_models(
        self,
        request: model_service_pb2.RefreshModelsRequest,  # noqa: ARG002
    ) -> model_service_pb2.RefreshModelsResponse:
        """Return all models after a look at the directory."""
        self._engine.repository.refresh(again=True)
        return answers.refreshed(self._engine.repository)
