"""Generator: clients in threads that ask a server as a load says."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from atomlens.client.bench.counting import CountingTransport
from atomlens.client.bench.load import STREAMS, Load
from atomlens.client.bench.pace import Pace
from atomlens.client.bench.result import Result
from atomlens.client.bench.supply import Supply
from atomlens.client.bench.tally import Tally
from atomlens.client.client import Client
from atomlens.client.credentials import Credentials
from atomlens.client.errors import AtomLensError, InputError
from atomlens.client.failure import Failure
from atomlens.client.structure import StructureLike
from atomlens.client.structures import Structures
from atomlens.client.transport import NO_CREDENTIALS, GrpcTransport

T = TypeVar("T")
STRIDE = 97  # structures between where one client begins and the next
PATIENCE_SECONDS = 0.05  # between looks at whether the run was interrupted


def generate(
    address: str,
    model: str,
    structures: Iterable[StructureLike],
    load: Load,
    *,
    timeout_seconds: float | None = 60.0,
    credentials: Credentials = NO_CREDENTIALS,
) -> Result:
    """Ask a server as a load says and return what came of it.

    An interrupt (Ctrl-C) ends the run: the result, of what was measured until then, says so by its seconds.

    Args:
        address: of the server, HOST:PORT.
        model: MODEL or MODEL@VERSION.
        structures: what to ask about, over and over.
        load: how.
        timeout_seconds: of a request; of a stream, until the next answer.
        credentials: whom to trust, and what to prove oneself with.

    Raises:
        InputError: there are no structures.
        AtomLensError: the server cannot be reached, or serves no such model.
    """
    flat = Structures.of(structures)
    if not len(flat):
        raise InputError("`structures` must not be empty", field="structures")
    asking = GrpcTransport(address, credentials=credentials)
    with Client(timeout_seconds=timeout_seconds, transport=asking) as client:
        name = str(client.model(model).status)
    pace = Pace(load, time.perf_counter())
    askers = [
        _Asker(CountingTransport(address, credentials), name, flat, k * STRIDE, load, pace, timeout_seconds)
        for k in range(load.clients)
    ]
    _finish(askers, pace)
    return _result(name, load, pace, askers)


class _Asker(threading.Thread):
    """One client."""

    def __init__(
        self,
        transport: CountingTransport,
        model: str,
        structures: Structures,
        first: int,
        load: Load,
        pace: Pace,
        timeout_seconds: float | None,
    ) -> None:
        super().__init__(name="atomlens-bench", daemon=True)
        self.transport = transport
        self.tally = Tally()
        self._client = Client(timeout_seconds=timeout_seconds, transport=self.transport)
        self._model, self._load, self._pace = model, load, pace
        self._supply = Supply(structures, load.batch, first)
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Ask until the run is over."""
        try:
            with self._client:
                self._stream() if self._load.mode in STREAMS else self._call()
        except BaseException as error:  # raised again in the thread that waits for the clients
            self.failure = error
            self._pace.stop()

    def _call(self) -> None:
        ask = self._ask_one if self._load.mode == "unary" else self._ask_batch
        while (due := self._pace.next_due()) is not None:
            sent = time.perf_counter()
            if sent >= self._pace.end:
                self.tally.never_sent(self._pace, due)
                continue
            try:
                answered = ask()
            except AtomLensError as error:
                self.tally.failed(error)
                continue
            self.tally.answered(self._pace, due, sent, time.perf_counter(), answered)

    def _ask_one(self) -> int:
        self._client.explain(self._supply.one(), self._model)
        return 1

    def _ask_batch(self) -> int:
        answer = self._client.explain_batch(self._supply.batch(), self._model)
        return len(answer) - self.tally.failures(answer.failures.values())

    def _stream(self) -> None:
        stream = self._stream_batches if self._load.mode == "stream" else self._stream_each
        while not self._pace.is_over():
            try:
                stream(deque())
            except AtomLensError as error:
                self.tally.failed(error)

    def _stream_batches(self, taken: deque[float]) -> None:
        batches = self._until_over(self._supply.batch, taken)
        for answer in self._client.stream_batches(batches, self._model):
            failed = self.tally.failures(answer.failures.values())
            self._answered(taken.popleft(), len(answer) - failed)

    def _stream_each(self, taken: deque[float]) -> None:
        for outcome in self._client.stream(self._until_over(self._supply.one, taken), self._model):
            failed = self.tally.failures([outcome.error] if isinstance(outcome, Failure) else [])
            self._answered(taken.popleft(), 1 - failed)

    def _answered(self, taken: float, structures: int) -> None:
        if structures:
            self.tally.answered(self._pace, taken, taken, time.perf_counter(), structures)

    def _until_over(self, supply: Callable[[], T], taken: deque[float]) -> Iterator[T]:
        """Yield what is asked about until the run is over, and note when each was taken."""
        while not self._pace.is_over():
            taken.append(time.perf_counter())
            yield supply()


def _finish(askers: Sequence[_Asker], pace: Pace) -> None:
    """Run the clients to their end, which an interrupt brings about."""
    for asker in askers:
        asker.start()
    try:
        _join(askers)
    except KeyboardInterrupt:
        pace.stop()
        _join(askers)
    for asker in askers:
        if asker.failure is not None:
            raise asker.failure


def _join(askers: Sequence[_Asker]) -> None:
    for asker in askers:
        while asker.is_alive():
            asker.join(PATIENCE_SECONDS)


def _result(model: str, load: Load, pace: Pace, askers: Sequence[_Asker]) -> Result:
    tally = sum((asker.tally for asker in askers), Tally())
    many = max(tally.total, 1)
    return Result(
        model=model,
        load=load,
        seconds=max(pace.end - pace.begin, 0.0),
        requests=tally.requests,
        structures=tally.structures,
        answered=tally.total,
        latencies_ms=1e3 * np.array(tally.latencies),
        late_ms=1e3 * np.array(tally.late),
        unsent=tally.unsent,
        errors=dict(tally.errors),
        sent_bytes=sum(asker.transport.sent_bytes for asker in askers) / many,
        received_bytes=sum(asker.transport.received_bytes for asker in askers) / many,
    )
