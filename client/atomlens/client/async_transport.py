"""Async transport: the same ways to an engine for programs with an event loop."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from atomlens.client.address import checked_address
from atomlens.client.credentials import Credentials
from atomlens.client.errors import InternalError
from atomlens.client.local import LocalTransport
from atomlens.client.requests import embedding_request
from atomlens.client.translation import translated
from atomlens.client.transport import CHANNEL_OPTIONS, NO_CREDENTIALS, check_open
from atomlens.v1 import (
    explanation_service_pb2,
    explanation_service_pb2_grpc,
    model_service_pb2,
    model_service_pb2_grpc,
    probes_pb2,
)

T = TypeVar("T")
Request = explanation_service_pb2.ExplainStreamRequest
Response = explanation_service_pb2.ExplainStreamResponse


class AsyncTransport(Protocol):
    """What an asynchronous client needs of whatever explains."""

    async def explain(
        self, request: explanation_service_pb2.ExplainRequest, timeout_seconds: float | None
    ) -> explanation_service_pb2.ExplainResponse:
        """Explain a batch."""
        ...

    def explain_stream(self, requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        """Open a stream; closing the iterator ends it."""
        ...

    def probe(self, request: probes_pb2.ProbeRequest) -> AsyncGenerator[probes_pb2.ProbeResponse, None]:
        """Open the answer to a probe; closing the iterator ends it."""
        ...

    async def list_models(self, timeout_seconds: float | None) -> model_service_pb2.ListModelsResponse:
        """List all models."""
        ...

    async def get_model(self, name: str, timeout_seconds: float | None) -> model_service_pb2.GetModelResponse:
        """Return one model."""
        ...

    async def get_embedding(
        self, name: str, timeout_seconds: float | None
    ) -> model_service_pb2.GetEmbeddingResponse:
        """Return the embedding of one model."""
        ...

    async def refresh_models(self, timeout_seconds: float | None) -> model_service_pb2.RefreshModelsResponse:
        """Have the repository looked at, and list all models."""
        ...

    async def close(self) -> None:
        """Let go of whatever is held."""
        ...


class AsyncGrpcTransport:
    """A channel of grpc.aio to a server."""

    def __init__(self, address: str, credentials: Credentials = NO_CREDENTIALS) -> None:
        self.address = checked_address(address)
        self._closed = False
        self._metadata = credentials.metadata
        self._channel = credentials.async_channel(self.address, CHANNEL_OPTIONS)
        self._explanations = explanation_service_pb2_grpc.ExplanationServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    async def explain(
        self, request: explanation_service_pb2.ExplainRequest, timeout_seconds: float | None
    ) -> explanation_service_pb2.ExplainResponse:
        """Explain a batch."""
        with self._open():
            response = await self._explanations.Explain(
                request, timeout=timeout_seconds, metadata=self._metadata()
            )
            return _readable(response)

    async def explain_stream(self, requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        """Open a stream; structures follow when the server has accepted the opening.

        In grpc.aio a write that meets the end of a call hides why the call ended.
        """
        check_open(self._closed)
        opened = asyncio.Event()
        call = self._explanations.ExplainStream(_paced(requests, opened), metadata=self._metadata())
        try:
            with translated(self.address):
                async for response in call:
                    opened.set()
                    yield _readable(response)
        finally:
            call.cancel()

    async def probe(self, request: probes_pb2.ProbeRequest) -> AsyncGenerator[probes_pb2.ProbeResponse, None]:
        """Open the answer to a probe."""
        check_open(self._closed)
        call = self._explanations.Probe(request, metadata=self._metadata())
        try:
            with translated(self.address):
                async for response in call:
                    yield _readable(response)
        finally:
            call.cancel()

    async def list_models(self, timeout_seconds: float | None) -> model_service_pb2.ListModelsResponse:
        """List all models."""
        with self._open():
            response = await self._models.ListModels(
                model_service_pb2.ListModelsRequest(), timeout=timeout_seconds, metadata=self._metadata()
            )
            return _readable(response)

    async def get_model(self, name: str, timeout_seconds: float | None) -> model_service_pb2.GetModelResponse:
        """Return one model."""
        with self._open():
            response = await self._models.GetModel(
                model_service_pb2.GetModelRequest(name=name),
                timeout=timeout_seconds,
                metadata=self._metadata(),
            )
            return _readable(response)

    async def get_embedding(
        self, name: str, timeout_seconds: float | None
    ) -> model_service_pb2.GetEmbeddingResponse:
        """Return the embedding of one model."""
        with self._open():
            response = await self._models.GetEmbedding(
                embedding_request(name), timeout=timeout_seconds, metadata=self._metadata()
            )
            return _readable(response)

    async def refresh_models(self, timeout_seconds: float | None) -> model_service_pb2.RefreshModelsResponse:
        """Have the repository looked at, and list all models."""
        with self._open():
            response = await self._models.RefreshModels(
                model_service_pb2.RefreshModelsRequest(), timeout=timeout_seconds, metadata=self._metadata()
            )
            return _readable(response)

    async def close(self) -> None:
        """Close the channel."""
        self._closed = True
        await self._channel.close()

    @contextmanager
    def _open(self) -> Iterator[None]:
        check_open(self._closed)
        with translated(self.address):
            yield


class AsyncLocalTransport:
    """The engine in this process, computing in threads so that the event loop goes on."""

    def __init__(self, models: Path | str | None = None, provider: str = "cpu") -> None:
        self._transport = LocalTransport(models, provider)

    async def explain(
        self, request: explanation_service_pb2.ExplainRequest, timeout_seconds: float | None
    ) -> explanation_service_pb2.ExplainResponse:
        """Explain a batch."""
        return await asyncio.to_thread(self._transport.explain, request, timeout_seconds)

    async def explain_stream(self, requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        """Open a stream; a thread takes the requests and computes the answers."""
        feed: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        answers = iter(self._transport.explain_stream(iter(feed.get, None)))
        feeding = asyncio.create_task(_feed(requests, feed))
        try:
            while (response := await asyncio.to_thread(next, answers, None)) is not None:
                yield response
        finally:
            feeding.cancel()
            feed.put(None)

    async def probe(self, request: probes_pb2.ProbeRequest) -> AsyncGenerator[probes_pb2.ProbeResponse, None]:
        """Open the answer to a probe, whose slabs are computed in a thread when they are asked for."""
        answers = iter(self._transport.probe(request))
        while (response := await asyncio.to_thread(next, answers, None)) is not None:
            yield response

    async def list_models(self, timeout_seconds: float | None) -> model_service_pb2.ListModelsResponse:
        """List all models."""
        return await asyncio.to_thread(self._transport.list_models, timeout_seconds)

    async def get_model(self, name: str, timeout_seconds: float | None) -> model_service_pb2.GetModelResponse:
        """Return one model."""
        return await asyncio.to_thread(self._transport.get_model, name, timeout_seconds)

    async def get_embedding(
        self, name: str, timeout_seconds: float | None
    ) -> model_service_pb2.GetEmbeddingResponse:
        """Return the embedding of one model."""
        return await asyncio.to_thread(self._transport.get_embedding, name, timeout_seconds)

    async def refresh_models(self, timeout_seconds: float | None) -> model_service_pb2.RefreshModelsResponse:
        """Have the repository looked at, and list all models."""
        return await asyncio.to_thread(self._transport.refresh_models, timeout_seconds)

    async def close(self) -> None:
        """Do nothing."""


def _readable(response: T | None) -> T:
    """Return an answer, which grpc.aio has as None where its bytes are no message."""
    if response is None:
        raise InternalError("the server sent an answer that cannot be read")
    return response


async def _paced(requests: AsyncIterator[Request], opened: asyncio.Event) -> AsyncIterator[Request]:
    yield await anext(requests)
    await opened.wait()
    async for request in requests:
        yield request


async def _feed(requests: AsyncIterator[Request], feed: queue.SimpleQueue[Request | None]) -> None:
    async for request in requests:
        feed.put(request)
    feed.put(None)
