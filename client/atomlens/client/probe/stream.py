"""Probe stream: slabs of one probe as they are computed, taken up again when the server goes away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from types import TracebackType

from atomlens.client.backoff import BackoffSettings
from atomlens.client.errors import CancelledError, DeadlineError, OverloadedError, UnavailableError
from atomlens.client.probe.collection import Collection, check_fresh
from atomlens.client.probe.header import ProbeHeader, ProbeTrailer
from atomlens.client.probe.probe_map import ProbeMap
from atomlens.client.probe.progress import Progress, progress_bar
from atomlens.client.probe.reader import Reader
from atomlens.client.probe.slab import Slab
from atomlens.client.structure import Structure
from atomlens.client.transport import Answers, Transport
from atomlens.v1 import probes_pb2


class ProbeStream:
    """An iterator of slabs, for one thread. The server computes no faster than they are taken.

    Leaving a ``with`` block, or `close`, ends the call.
    """

    def __init__(
        self,
        transport: Transport,
        structure: Structure,
        request: probes_pb2.ProbeRequest,
        backoff: BackoffSettings,
        timeout_seconds: float | None,
    ) -> None:
        """Ask, and wait for the header; raises what the server refuses."""
        self._structure = structure
        self._reader = Reader(request, backoff, timeout_seconds)
        self._messages = _messages(transport, self._reader, timeout_seconds)
        self._slabs = self._iterate()
        self._started = False
        next(self._messages)

    @property
    def header(self) -> ProbeHeader:
        """What is to come: fields, the exact grid, number of points and slabs, model."""
        return self._reader.header

    @property
    def trailer(self) -> ProbeTrailer | None:
        """What the last call sent, once all slabs were taken; None before."""
        return self._reader.trailer

    def collect(self, progress: Progress = None) -> ProbeMap:
        """Take all slabs and return the map that they make.

        Args:
            progress: whether to show a bar; None for one on terminals and in notebooks.
        """
        check_fresh(self._started)
        collection = Collection(self.header)
        with self, progress_bar(self.header.points, progress) as advance:
            for slab in self:
                collection.add(slab)
                advance(len(slab))
        return collection.to_map(self._structure, self._reader)

    def close(self) -> None:
        """End the call."""
        self._started = True
        self._messages.close()

    def __iter__(self) -> Iterator[Slab]:
        return self

    def __next__(self) -> Slab:
        self._started = True
        return next(self._slabs)

    def __enter__(self) -> ProbeStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _iterate(self) -> Iterator[Slab]:
        for slab in self._messages:
            if slab is not None:
                yield slab


def _messages(
    transport: Transport, reader: Reader, timeout_seconds: float | None
) -> Generator[Slab | None, None, None]:
    """Yield the slab of each message, None for header and trailer, asking again for what is missing."""
    while reader.trailer is None:
        call = transport.probe(reader.request)
        try:
            for message in _timely(call, timeout_seconds):
                yield reader.take(message)
            if reader.trailer is None:
                raise UnavailableError("the server ended a probe without a trailer")
        except (UnavailableError, OverloadedError) as error:
            if reader.trailer is not None:
                return
            pause = reader.broken(error)
        else:
            return
        finally:
            call.cancel()
        time.sleep(pause)


def _timely(
    call: Answers[probes_pb2.ProbeResponse], timeout_seconds: float | None
) -> Iterator[probes_pb2.ProbeResponse]:
    """Yield the messages of a call; raises `DeadlineError` when one does not come in time."""
    messages = iter(call)
    while True:
        with _deadline(call.cancel, timeout_seconds):
            message = next(messages, None)
        if message is None:
            return
        yield message


@contextmanager
def _deadline(cancel: Callable[[], object], timeout_seconds: float | None) -> Iterator[None]:
    """Cancel what the block waits for after a time; raises `DeadlineError` when it did."""
    if timeout_seconds is None:
        yield
        return
    late = threading.Event()

    def end() -> None:
        late.set()
        cancel()

    timer = threading.Timer(timeout_seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except CancelledError:
        if not late.is_set():
            raise
    finally:
        timer.cancel()
    if late.is_set():  # also where the call ended, or its message came, as it was cancelled
        raise DeadlineError(f"no answer came for {timeout_seconds:g} s")
