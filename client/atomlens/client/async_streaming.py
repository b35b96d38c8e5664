"""Async streaming: the same stream for programs with an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

from atomlens.client.async_transport import AsyncTransport, Request, Response
from atomlens.client.backoff import Backoff
from atomlens.client.chunking import Chunk
from atomlens.client.errors import AtomLensError, DeadlineError, OverloadedError, UnavailableError
from atomlens.client.ledger import Answered, Ledger, Sending
from atomlens.client.requests import chunk_request, opening_request, pinned, read_chunk
from atomlens.client.stream_settings import StreamSettings
from atomlens.v1 import explanations_pb2

T = TypeVar("T")


async def stream(
    transport: AsyncTransport,
    source: AsyncIterator[Chunk],
    model: explanations_pb2.ModelSelector,
    ordered: bool,
    settings: StreamSettings,
    timeout_seconds: float | None,
) -> AsyncGenerator[Answered, None]:
    """Yield the answers to chunks, which are taken no further than the window, as answers come."""
    ledger = Ledger(settings.window_atoms, ordered)
    connection = _Connection(transport, ledger, model, settings, timeout_seconds)
    feeding: asyncio.Task[Chunk | None] | None = None
    exhausted = False
    try:
        while not (exhausted and ledger.is_empty):
            if feeding is None and not exhausted and ledger.has_room:
                feeding = asyncio.create_task(_next(source))
            await connection.receive(feeding)
            if feeding is not None and feeding.done():
                chunk, feeding = feeding.result(), None
                if chunk is None:
                    exhausted = True
                    connection.finish()
                else:
                    connection.send(ledger.enter(chunk))
            for answered in ledger.leave():
                yield answered
    finally:
        if feeding is not None:
            feeding.cancel()
        await connection.close()


class _Connection:
    """A call and its successors: what is unanswered when one breaks is sent again on the next."""

    def __init__(
        self,
        transport: AsyncTransport,
        ledger: Ledger,
        model: explanations_pb2.ModelSelector,
        settings: StreamSettings,
        timeout_seconds: float | None,
    ) -> None:
        self._transport = transport
        self._ledger = ledger
        self._model = model
        self._settings = settings
        self._timeout_seconds = timeout_seconds
        self._backoff = Backoff(settings.backoff, timeout_seconds)
        self._requests: asyncio.Queue[Request | None] | None = None
        self._answers: AsyncIterator[Response] | None = None
        self._reading: asyncio.Task[Response | None] | None = None
        self._finished = False

    def send(self, sending: Sending) -> None:
        """Send structures, opening a call when there is none."""
        if not len(sending.ids):
            return
        if self._requests is None:
            self._requests = asyncio.Queue()
            self._requests.put_nowait(opening_request(self._model))
            self._answers = self._transport.explain_stream(_queued(self._requests))
        self._requests.put_nowait(chunk_request(sending))

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        self._finished = True
        if self._requests is not None:
            self._requests.put_nowait(None)

    async def receive(self, feeding: asyncio.Task[Chunk | None] | None) -> None:
        """Settle one answer, or return when there are more structures to send."""
        waiting: set[asyncio.Task[Chunk | None] | asyncio.Task[Response | None]] = set()
        if feeding is not None:
            waiting.add(feeding)
        if self._answers is not None and not self._ledger.is_answered:
            self._reading = self._reading or asyncio.create_task(_next(self._answers))
            waiting.add(self._reading)
        if not waiting:
            return
        timeout = None if feeding is not None else self._timeout_seconds
        done, _ = await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise DeadlineError(f"no answer came for {self._timeout_seconds} s")
        if self._reading is not None and self._reading.done():
            reading, self._reading = self._reading, None
            await self._settle(reading)

    async def close(self) -> None:
        """End the call."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None
        if isinstance(self._answers, AsyncGenerator):
            await self._answers.aclose()
        self._answers = self._requests = None

    async def _settle(self, reading: asyncio.Task[Response | None]) -> None:
        try:
            response = reading.result()
            if response is None:
                raise UnavailableError("the server ended the stream")
        except (UnavailableError, OverloadedError) as error:
            await self._reconnect(error)
            return
        self._model = pinned(self._model, response)
        if response.HasField("chunk"):
            read_chunk(response.chunk, self._ledger)
            if response.chunk.ids:  # who answers nothing could do so for ever
                self._backoff.progress()

    async def _reconnect(self, error: AtomLensError) -> None:
        pause = self._backoff.pause_seconds(error)
        if pause is None:
            raise error
        await self.close()
        await asyncio.sleep(pause)
        for sending in self._ledger.unanswered:
            self.send(sending)
        if self._finished:
            self.finish()


async def _queued(requests: asyncio.Queue[Request | None]) -> AsyncIterator[Request]:
    while (request := await requests.get()) is not None:
        yield request


async def _next(source: AsyncIterator[T]) -> T | None:
    return await anext(source, None)
