"""Async client: the client for programs with an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import cast

import numpy.typing as npt

from atomlens.client import async_inputs
from atomlens.client.address import DEFAULT_ADDRESS
from atomlens.client.async_inputs import AsyncBatches, AsyncInputs
from atomlens.client.async_streaming import stream
from atomlens.client.async_transport import AsyncGrpcTransport, AsyncLocalTransport, AsyncTransport
from atomlens.client.batches import Batches
from atomlens.client.card import Card, ModelStatus, refreshed
from atomlens.client.chunking import Chunk, Chunker, Item, chunks, cut
from atomlens.client.client import REQUEST_ATOMS
from atomlens.client.credentials import Credentials, Tls
from atomlens.client.embedding import Embedding
from atomlens.client.explanation import Explanation, Outcome
from atomlens.client.explanations import Explanations
from atomlens.client.failure import Failure
from atomlens.client.inputs import Inputs, read_all, read_one
from atomlens.client.ledger import Answered
from atomlens.client.lone import lone_request, read_lone
from atomlens.client.patience import Patience
from atomlens.client.probe.async_stream import AsyncProbeStream
from atomlens.client.probe.grid import Grid
from atomlens.client.probe.request import (
    DEFAULT_PROBE_MODEL,
    MARGIN_ANGSTROM,
    SPACING_ANGSTROM,
    Elements,
    place,
    probe_request,
)
from atomlens.client.requests import explain_request, read_response, settled
from atomlens.client.selection import DEFAULT_MODELS, Models, names_of, one_name_of, together
from atomlens.client.stream_settings import StreamSettings
from atomlens.client.structure import Structure, StructureLike
from atomlens.client.structures import Structures
from atomlens.client.transport import checked_timeout
from atomlens.v1 import explanations_pb2
from atomlens.v1.explanation_service_pb2 import ExplainRequest as Request
from atomlens.v1.explanation_service_pb2 import ExplainResponse as Response


class AsyncClient:
    """What `Client` does, awaited; to be made and used in one event loop."""

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        timeout_seconds: float | None = 60.0,
        streaming: StreamSettings | None = None,
        tls: Tls | bool = False,
        token: str | Path | None = None,
        insecure_token: bool = False,
        transport: AsyncTransport | None = None,
    ) -> None:
        """Prepare to ask the server at ``address``; nothing is sent before the first call.

        ``tls`` encrypts: True trusts servers with public certificates, `Tls` names a CA and a certificate of
        the client's own. ``token`` is a text, or the path of a file that every call reads anew; it is sent
        without TLS within this machine alone, unless ``insecure_token`` allows more.
        """
        self._timeout_seconds = checked_timeout(timeout_seconds)
        credentials = Credentials.of(tls, token, insecure_token)
        self._transport = transport or AsyncGrpcTransport(address, credentials=credentials)
        self._streaming = streaming or StreamSettings()
        self._patience = Patience(self._streaming.backoff)

    @classmethod
    def local(
        cls,
        models: Path | str | None = None,
        provider: str = "cpu",
        *,
        streaming: StreamSettings | None = None,
    ) -> AsyncClient:
        """Return a client of the engine in this process (extra `server`) with a directory of models."""
        transport = AsyncLocalTransport(models, provider)
        return cls(timeout_seconds=None, streaming=streaming, transport=transport)

    async def explain(
        self, structure: StructureLike | str | Path, model: Models = DEFAULT_MODELS
    ) -> Explanation:
        """Return what one or more models say about one structure; several must have no head in common."""
        one = read_one(structure)
        outcomes = await asyncio.gather(*(self._answer_one(one, name) for name in names_of(model)))
        outcome = together(outcomes)
        if isinstance(outcome, Failure):
            raise outcome.error
        return outcome

    async def explain_many(self, structures: Inputs, model: Models = DEFAULT_MODELS) -> list[Outcome]:
        """Return an explanation or a failure for each structure, in order; for lists that fit into memory."""
        names = names_of(model)
        outcomes: list[Outcome] = []
        for items in chunks(read_all(structures), Chunker(REQUEST_ATOMS)):
            chunk = Chunk.of(items)
            outcomes += chunk.outcomes(await self._ask(chunk.structures, names))
        return outcomes

    async def explain_batch(self, structures: Iterable[StructureLike], model: str) -> Explanations:
        """Return what one model says about every structure of a batch, as `Client.explain_batch` does."""
        selector = explanations_pb2.ModelSelector(name=one_name_of(model))
        answers = []
        for part in cut(Structures.of(structures), REQUEST_ATOMS):
            answers.append(await self._answer(part, selector))
            selector = settled(answers[0])
        return Explanations.concatenate(answers)

    def stream(
        self, structures: AsyncInputs, model: Models = DEFAULT_MODELS, *, ordered: bool = True
    ) -> AsyncGenerator[Outcome, None]:
        """Yield an explanation or a failure for each structure of an iterable or asynchronous iterable.

        Memory is bounded, and order kept or not, as `Client.stream` says.
        """
        names = names_of(model)
        if len(names) > 1:
            return self._stream_together(structures, names)
        return self._stream_one(async_inputs.read_all(structures), names[0], ordered)

    async def stream_batches(self, batches: AsyncBatches, model: str) -> AsyncGenerator[Explanations, None]:
        """Yield what one model says about each batch of an iterable or asynchronous iterable, in order.

        Memory is bounded as `Client.stream_batches` says.
        """
        name, asked = one_name_of(model), Batches(self._streaming)
        async with aclosing(self._stream_chunks(async_inputs.cut(batches, asked), name, True)) as answers:
            async for answered in answers:
                for explanations in asked.settle(answered):
                    yield explanations
        for explanations in asked.end():
            yield explanations

    async def stream_each(
        self, structures: AsyncInputs, models: Sequence[str]
    ) -> AsyncGenerator[tuple[Outcome, ...], None]:
        """Yield one outcome of each model for each structure, in order; models may share heads."""
        source = async_inputs.Tee(async_inputs.read_all(structures), len(models))
        streams = [self._stream_one(source.branch(k), name, True) for k, name in enumerate(models)]
        try:
            while True:
                outcomes = await asyncio.gather(*(anext(answers, None) for answers in streams))
                if None in outcomes:
                    return
                yield tuple(cast(list[Outcome], outcomes))
        finally:
            for answers in streams:
                await answers.aclose()

    async def probe(
        self,
        structure: StructureLike | str | Path,
        elements: Elements,
        model: str = DEFAULT_PROBE_MODEL,
        *,
        heads: Sequence[str] = (),
        spacing: float = SPACING_ANGSTROM,
        margin: float = MARGIN_ANGSTROM,
        grid: Grid | None = None,
        points: npt.ArrayLike | None = None,
        left_out: Sequence[int] = (),
        slab_points: int = 0,
    ) -> AsyncProbeStream:
        """Carry a probe of each element through the space around a structure, as `Client.probe` does."""
        where = place(spacing, margin, grid, points)
        one = read_one(structure)
        request = probe_request(one, elements, model, where, heads, left_out, slab_points)
        backoff = self._streaming.backoff
        return await AsyncProbeStream.open(self._transport, one, request, backoff, self._timeout_seconds)

    async def models(self) -> list[ModelStatus]:
        """Return every version of every model, those that could not be loaded too."""
        response = await self._transport.list_models(self._timeout_seconds)
        return [ModelStatus.from_proto(status) for status in response.models]

    async def refresh_models(self) -> list[ModelStatus]:
        """Have the repository looked at now, as `Client.refresh_models` does."""
        return refreshed(await self._transport.refresh_models(self._timeout_seconds))

    async def model(self, name: str) -> Card:
        """Return the card of MODEL or MODEL@VERSION."""
        return Card.from_proto(await self._transport.get_model(name, self._timeout_seconds))

    async def embedding(self, model: str) -> Embedding:
        """Return what MODEL or MODEL@VERSION learned of the elements.

        Raises `UnusableModelError` for a model that embeds none, as Behler-Parrinello networks do not.
        """
        return Embedding.from_proto(await self._transport.get_embedding(model, self._timeout_seconds))

    async def close(self) -> None:
        """Close the connection."""
        await self._transport.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _ask(self, structures: Structures, names: Sequence[str]) -> list[Outcome]:
        if not len(structures):
            return []
        selectors = [explanations_pb2.ModelSelector(name=name) for name in names]
        answers = await asyncio.gather(*(self._answer(structures, selector) for selector in selectors))
        return [together(outcomes) for outcomes in zip(*answers, strict=True)]

    async def _answer_one(self, one: Structure, model: str) -> Outcome:
        return read_lone(await self._explain(lone_request(model, one)), one)

    async def _answer(self, structures: Structures, model: explanations_pb2.ModelSelector) -> Explanations:
        return read_response(await self._explain(explain_request(model, structures)), structures)

    async def _explain(self, request: Request) -> Response:
        def ask(seconds: float | None) -> Awaitable[Response]:
            return self._transport.explain(request, seconds)

        return await self._patience.ask_async(ask, self._timeout_seconds)

    def _stream_chunks(
        self, source: AsyncIterator[Chunk], name: str, ordered: bool
    ) -> AsyncGenerator[Answered, None]:
        selector = explanations_pb2.ModelSelector(name=name)
        return stream(self._transport, source, selector, ordered, self._streaming, self._timeout_seconds)

    async def _stream_one(
        self, items: AsyncIterator[Item], name: str, ordered: bool
    ) -> AsyncGenerator[Outcome, None]:
        chunker: Chunker[Item] = Chunker(self._streaming.chunk_atoms, self._streaming.chunk_seconds)
        source = async_inputs.chunked(items, chunker)
        async with aclosing(self._stream_chunks(source, name, ordered)) as answers:
            async for answered in answers:
                for outcome in answered.outcomes():
                    yield outcome

    async def _stream_together(
        self, structures: AsyncInputs, names: Sequence[str]
    ) -> AsyncGenerator[Outcome, None]:
        answers = self.stream_each(structures, names)
        try:
            async for outcomes in answers:
                yield together(outcomes)
        finally:
            await answers.aclose()
