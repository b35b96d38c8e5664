"""Async probe stream: the slabs of one probe for programs with an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from types import TracebackType

from atomlens.client.async_transport import AsyncTransport
from atomlens.client.backoff import BackoffSettings
from atomlens.client.errors import DeadlineError, OverloadedError, UnavailableError
from atomlens.client.probe.collection import Collection, check_fresh
from atomlens.client.probe.header import ProbeHeader, ProbeTrailer
from atomlens.client.probe.probe_map import ProbeMap
from atomlens.client.probe.progress import Progress, progress_bar
from atomlens.client.probe.reader import Reader
from atomlens.client.probe.slab import Slab
from atomlens.client.structure import Structure
from atomlens.v1 import probes_pb2


class AsyncProbeStream:
    """What `ProbeStream` is, awaited."""

    def __init__(
        self,
        transport: AsyncTransport,
        structure: Structure,
        request: probes_pb2.ProbeRequest,
        backoff: BackoffSettings,
        timeout_seconds: float | None,
    ) -> None:
        self._structure = structure
        self._reader = Reader(request, backoff, timeout_seconds)
        self._messages = _messages(transport, self._reader, timeout_seconds)
        self._started = False

    @classmethod
    async def open(
        cls,
        transport: AsyncTransport,
        structure: Structure,
        request: probes_pb2.ProbeRequest,
        backoff: BackoffSettings,
        timeout_seconds: float | None,
    ) -> AsyncProbeStream:
        """Ask, and wait for the header; raises what the server refuses."""
        stream = cls(transport, structure, request, backoff, timeout_seconds)
        await anext(stream._messages)
        return stream

    @property
    def header(self) -> ProbeHeader:
        """What is to come: fields, the exact grid, number of points and slabs, model."""
        return self._reader.header

    @property
    def trailer(self) -> ProbeTrailer | None:
        """What the last call sent, once all slabs were taken; None before."""
        return self._reader.trailer

    async def collect(self, progress: Progress = None) -> ProbeMap:
        """Take all slabs and return the map that they make, with a bar as `ProbeStream.collect` has it."""
        check_fresh(self._started)
        collection = Collection(self.header)
        async with self:
            with progress_bar(self.header.points, progress) as advance:
                async for slab in self:
                    collection.add(slab)
                    advance(len(slab))
        return collection.to_map(self._structure, self._reader)

    async def close(self) -> None:
        """End the call."""
        self._started = True
        await self._messages.aclose()

    def __aiter__(self) -> AsyncIterator[Slab]:
        return self

    async def __anext__(self) -> Slab:
        self._started = True
        while (slab := await anext(self._messages)) is None:
            pass
        return slab

    async def __aenter__(self) -> AsyncProbeStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def _messages(
    transport: AsyncTransport, reader: Reader, timeout_seconds: float | None
) -> AsyncGenerator[Slab | None, None]:
    """Yield the slab of each message, None for header and trailer, asking again for what is missing."""
    while reader.trailer is None:
        try:
            async with aclosing(transport.probe(reader.request)) as call:
                async for message in _timely(call, timeout_seconds):
                    yield reader.take(message)
            if reader.trailer is None:
                raise UnavailableError("the server ended a probe without a trailer")
        except (UnavailableError, OverloadedError) as error:
            if reader.trailer is None:
                await asyncio.sleep(reader.broken(error))


async def _timely(
    call: AsyncGenerator[probes_pb2.ProbeResponse, None], timeout_seconds: float | None
) -> AsyncIterator[probes_pb2.ProbeResponse]:
    """Yield the messages of a call; raises `DeadlineError` when one does not come in time."""
    while True:
        try:
            async with asyncio.timeout(timeout_seconds):
                message = await anext(call, None)
        except TimeoutError as error:
            if isinstance(error, DeadlineError):
                raise
            raise DeadlineError(f"no answer came for {timeout_seconds:g} s") from error
        if message is None:
            return
        yield message
