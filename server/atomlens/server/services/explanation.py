"""The explanation service."""

from __future__ import annotations

import asyncio

from atomlens.server.async_engine import AsyncEngine
from atomlens.server.calls import Call
from atomlens.server.services.explain_stream import ExplainStreams
from atomlens.server.services.open_streams import OpenStreams
from atomlens.server.services.probe import ProbeStreams
from atomlens.server.settings import ServerSettings
from atomlens.server.structures import Structures
from atomlens.v1 import explanation_service_pb2 as pb
from atomlens.v1 import explanation_service_pb2_grpc as pb_grpc
from atomlens.v1 import probes_pb2


class ExplanationServicer(pb_grpc.ExplanationServiceServicer):
    """Answers Explain, ExplainStream and Probe."""

    def __init__(self, engine: AsyncEngine, settings: ServerSettings, draining: asyncio.Event) -> None:
        self._engine, streams = engine, OpenStreams(settings)
        self._streams = ExplainStreams(engine, settings, draining, streams)
        self._probes = ProbeStreams(engine, settings, draining, streams)

    async def Explain(self, request: pb.ExplainRequest, call: Call) -> pb.ExplainResponse:  # type: ignore[override]  # noqa: N802
        """Answer a batch."""
        model = self._engine.repository.find(request.model.name, request.model.digest)
        structures = Structures.from_proto(request.structures)
        admission = await self._engine.admit(model, structures, request.heads)
        explanations, provenance = await self._engine.finish(model, admission, call)
        return await self._engine.handily(
            structures,
            lambda: pb.ExplainResponse(
                explanations=explanations.to_proto(), provenance=provenance.to_proto()
            ),
        )

    async def ExplainStream(self, requests: object, call: Call) -> None:  # type: ignore[override]  # noqa: ARG002, N802
        """Answer chunks as they are done."""
        await self._streams.answer(call)

    async def Probe(self, request: probes_pb2.ProbeRequest, call: Call) -> None:  # type: ignore[override]  # noqa: N802
        """Answer with a header, slabs as they are computed, and a trailer."""
        await self._probes.answer(request, call)
