"""Streaming: any number of chunks through one call, taken up again when the server goes away."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Generator, Iterator
from typing import Final

from atomlens.client.backoff import Backoff
from atomlens.client.chunking import Chunk
from atomlens.client.errors import AtomLensError, DeadlineError, OverloadedError, UnavailableError
from atomlens.client.ledger import Answered, Ledger, Sending
from atomlens.client.requests import chunk_request, opening_request, pinned, read_chunk
from atomlens.client.stream_settings import StreamSettings
from atomlens.client.transport import Answers, Transport
from atomlens.v1 import explanation_service_pb2, explanations_pb2

Request = explanation_service_pb2.ExplainStreamRequest
Response = explanation_service_pb2.ExplainStreamResponse
GOODBYE_SECONDS = 1.0  # that the server has to end a call of which everything is answered
END: Final = None  # of requests, and of answers


def stream(
    transport: Transport,
    source: Iterator[Chunk],
    model: explanations_pb2.ModelSelector,
    ordered: bool,
    settings: StreamSettings,
    timeout_seconds: float | None,
) -> Generator[Answered, None, None]:
    """Yield the answers to chunks, which are taken in the caller's thread, no further than the window."""
    ledger = Ledger(settings.window_atoms, ordered)
    connection = Connection(transport, ledger, model, settings, timeout_seconds)
    exhausted = False
    try:
        while not (exhausted and ledger.is_empty):
            if not exhausted and ledger.has_room:
                chunk = next(source, None)
                if chunk is None:
                    exhausted = True
                    connection.finish()
                else:
                    connection.send(ledger.enter(chunk))
            connection.receive(wait=exhausted or not ledger.has_room)
            yield from ledger.leave()
    finally:
        connection.close()


class Connection:
    """A call and its successors: what is unanswered when one breaks is sent again on the next."""

    def __init__(
        self,
        transport: Transport,
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
        self._call: _Call | None = None
        self._finished = False

    def send(self, sending: Sending) -> None:
        """Send structures, opening a call when there is none."""
        if not len(sending.ids):
            return
        if self._call is None:
            self._call = _Call(self._transport, opening_request(self._model))
        self._call.requests.put(chunk_request(sending))

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        self._finished = True
        if self._call is not None:
            self._call.requests.put(END)

    def receive(self, wait: bool) -> None:
        """Settle the answers that are there; wait for one when asked to and any is to come."""
        if self._call is None:
            return
        wait = wait and not self._ledger.is_answered
        try:
            for response in self._call.take(wait, self._timeout_seconds):
                self._settle(response)
        except (UnavailableError, OverloadedError) as error:
            if not (self._finished and self._ledger.is_answered):
                self._reconnect(error)

    def close(self) -> None:
        """End the call, as the server expects when all is answered, else at once."""
        if self._call is not None:
            self._call.close(GOODBYE_SECONDS if self._finished and self._ledger.is_empty else 0.0)

    def _settle(self, response: Response) -> None:
        self._model = pinned(self._model, response)
        if response.HasField("chunk"):
            read_chunk(response.chunk, self._ledger)
            if response.chunk.ids:  # who answers nothing could do so for ever
                self._backoff.progress()

    def _reconnect(self, error: AtomLensError) -> None:
        pause = self._backoff.pause_seconds(error)
        if pause is None:
            raise error
        self.close()
        self._call = None
        time.sleep(pause)
        for sending in self._ledger.unanswered:
            self.send(sending)
        if self._finished:
            self.finish()


class _Call:
    """One call: a queue that it sends from and, filled by a thread, a queue of its answers."""

    def __init__(self, transport: Transport, opening: Request) -> None:
        self.requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self.requests.put(opening)
        self._answers: queue.SimpleQueue[Response | AtomLensError | BaseException] = queue.SimpleQueue()
        self._call: Answers[Response] = transport.explain_stream(iter(self.requests.get, END))
        self._reader = threading.Thread(target=self._read, name="atomlens-answers", daemon=True)
        self._reader.start()

    def take(self, wait: bool, timeout_seconds: float | None) -> Iterator[Response]:
        """Yield the answers that are there, after waiting for the first when asked to."""
        while True:
            try:
                answer = self._answers.get(wait, timeout_seconds)
            except queue.Empty as error:
                if wait:
                    raise DeadlineError(f"no answer came for {timeout_seconds} s") from error
                return
            if isinstance(answer, BaseException):
                raise answer
            yield answer
            wait = False

    def close(self, patience_seconds: float) -> None:
        """End the call and wait until nothing of it runs."""
        self._reader.join(patience_seconds)
        self._call.cancel()
        self.requests.put(END)
        self._reader.join()

    def _read(self) -> None:
        try:
            for response in self._call:
                self._answers.put(response)
            self._answers.put(UnavailableError("the server ended the stream"))
        except BaseException as error:  # raised again in the thread that waits for answers
            self._answers.put(error)
