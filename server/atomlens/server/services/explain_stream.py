"""Explain streams: answers to ExplainStream, read no faster than they are given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import grpc

from atomlens.server.admission import Admission
from atomlens.server.async_engine import AsyncEngine
from atomlens.server.calls import Call, Context
from atomlens.server.errors import UnavailableError
from atomlens.server.services.open_streams import OpenStreams
from atomlens.server.services.reader import write
from atomlens.server.services.stay import Stay
from atomlens.server.services.unreadable import readable
from atomlens.server.settings import ServerSettings
from atomlens.server.stream import Chunk, StreamOptions
from atomlens.v1 import explanation_service_pb2 as pb

MOST_CHUNKS = 1000  # of a stream, unanswered at the same time


class ExplainStreams:
    """The streams that are being answered, each chunk as soon as it is done."""

    def __init__(
        self, engine: AsyncEngine, settings: ServerSettings, draining: asyncio.Event, streams: OpenStreams
    ) -> None:
        self._engine, self._settings, self._draining, self._streams = engine, settings, draining, streams

    async def answer(self, call: Call) -> None:
        """Answer chunks as they are done, reading on while the unanswered cost is within the window.

        Raises:
            ServerError: a message breaks a rule, too many streams are open, or nobody reads.
        """
        async with aclosing(_messages(call.context, Stay(self._draining, self._settings))) as messages:
            # Refused before it is read, a client that writes it would not see why.
            opening = await _opening(messages, self._settings.stream_patience_seconds)
            with self._streams.one_more("explain", call.client):
                await self._answer(opening, messages, call)

    async def _answer(
        self,
        opening: pb.ExplainStreamRequest | None,
        messages: AsyncGenerator[pb.ExplainStreamRequest],
        call: Call,
    ) -> None:
        engine, settings = self._engine, self._settings
        options = StreamOptions.from_proto(opening, engine.repository)
        opened, patience = options.opened(settings.window_cost), settings.stream_patience_seconds
        await write(call.context, opened, patience, "open the stream again")
        stream = _Stream(engine, options, call, settings)
        async with asyncio.TaskGroup() as answers:
            async for message in messages:
                chunk = Chunk.from_proto(message)
                admission = await engine.admit(
                    options.model, chunk.structures, options.heads, engine.chunk_limits
                )
                cost = stream.window.enter(admission)
                answers.create_task(stream.answer(chunk, admission, cost))
                await stream.window.room()


async def _messages(context: Context, stay: Stay) -> AsyncGenerator[pb.ExplainStreamRequest]:
    """Yield what the client sends until it has no more, or its stay is over.

    Raises:
        UnavailableError: it was over before the first message came.
    """
    opened = False
    over = asyncio.ensure_future(stay.over())
    reading = asyncio.ensure_future(context.read())
    try:
        while True:
            await asyncio.wait({reading, over}, return_when=asyncio.FIRST_COMPLETED)
            if not (reading.done() or opened):
                raise UnavailableError("the server ends this stream before it began: open it again", "MOVED")
            if not reading.done() or reading.result() is grpc.aio.EOF:
                return
            opened = True
            yield readable(reading.result())
            reading = asyncio.ensure_future(context.read())
    finally:
        over.cancel()
        reading.cancel()


async def _opening(
    messages: AsyncGenerator[pb.ExplainStreamRequest], patience_seconds: float
) -> pb.ExplainStreamRequest | None:
    """Return the first message; None where the client has none.

    Raises:
        UnavailableError: it does not come.
    """
    try:
        async with asyncio.timeout(patience_seconds):
            return await anext(messages, None)
    except TimeoutError:
        told = f"nothing was sent for {patience_seconds:g} s: open the stream when there is something to send"
        raise UnavailableError(told, "STALLED") from None


class _Window:
    """The cost of a stream that is read and not yet answered."""

    def __init__(self, limit: int) -> None:
        self._limit, self._cost = limit, 0
        self._changed = asyncio.Event()

    def enter(self, admission: Admission) -> int:
        """Add the cost of a chunk and return it; structures that failed and empty chunks are not free."""
        structures = admission.structures
        refused = len(structures.numbers) - int(structures.counts[admission.rows].sum())
        cost = max(admission.cost + refused + len(structures), self._limit // MOST_CHUNKS)
        self._cost += cost
        return cost

    async def room(self) -> None:
        """Wait until the cost is within the window."""
        while self._cost > self._limit:
            self._changed.clear()
            await self._changed.wait()

    def leave(self, cost: int) -> None:
        """Take from the cost."""
        self._cost -= cost
        self._changed.set()


class _Stream:
    """One stream being answered."""

    def __init__(
        self, engine: AsyncEngine, options: StreamOptions, call: Call, settings: ServerSettings
    ) -> None:
        self._engine, self._options, self._call = engine, options, call
        self._patience_seconds = settings.stream_patience_seconds
        self.window = _Window(settings.window_cost)
        self._writing = asyncio.Lock()

    async def answer(self, chunk: Chunk, admission: Admission, cost: int) -> None:
        """Compute one chunk of this cost and send its answer."""
        explanations, provenance = await self._engine.finish(
            self._options.model, admission, self._call, patient=True
        )
        message = await self._engine.handily(chunk.structures, chunk.answered, explanations, provenance)
        async with self._writing:
            await write(self._call.context, message, self._patience_seconds, "send what is unanswered again")
        self.window.leave(cost)
