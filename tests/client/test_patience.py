"""Single calls where the server has no room: against fakes, and a real server that is full."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from atomlens.client import (
    AsyncClient,
    Client,
    DeadlineError,
    Explanation,
    OverloadedError,
    UnavailableError,
)
from atomlens.client.async_transport import AsyncGrpcTransport
from atomlens.client.backoff import BackoffSettings
from atomlens.client.patience import Patience
from atomlens.client.stream_settings import StreamSettings
from atomlens.client.testing import serve
from atomlens.client.transport import GrpcTransport

from .conftest import MODELS, WATER

SETTINGS = BackoffSettings(max_attempts=4, first_pause_seconds=0.001, max_pause_seconds=0.002)


class Server:
    """Refuses some calls, and notes how long each may take."""

    def __init__(self, *refusals: Exception) -> None:
        self.refusals, self.asked = list(refusals), list[float | None]()

    def ask(self, seconds: float | None) -> str:
        """Answer or refuse."""
        self.asked.append(seconds)
        if self.refusals:
            raise self.refusals.pop(0)
        return "answer"


def ask(server: Server, timeout_seconds: float | None = None, patience: Patience | None = None) -> str:
    """Ask with the synchronous function."""
    return (patience or Patience(SETTINGS)).ask(server.ask, timeout_seconds)


def ask_async(server: Server, timeout_seconds: float | None = None, patience: Patience | None = None) -> str:
    """Ask with the asynchronous function."""

    async def answer(seconds: float | None) -> str:
        return server.ask(seconds)

    return asyncio.run((patience or Patience(SETTINGS)).ask_async(answer, timeout_seconds))


both = pytest.mark.parametrize("way", [ask, ask_async])
Way = Callable[..., str]


def full(retry_seconds: float | None = 0.001) -> OverloadedError:
    """Return what a server says that has no room."""
    return OverloadedError("full", reason="QUEUE_FULL", retry_seconds=retry_seconds)


@both
def test_a_server_that_has_room_later_answers(way: Way) -> None:
    """The call is made again, as often as the settings allow."""
    server = Server(full(), full(), full())
    assert way(server) == "answer"
    assert server.asked == [None] * 4
    hopeless = Server(*[full() for _ in range(9)])
    with pytest.raises(OverloadedError, match="full"):
        way(hopeless)
    assert len(hopeless.asked) == SETTINGS.max_attempts


@both
@pytest.mark.parametrize("error", [full(None), UnavailableError("away"), ValueError("else")])
def test_nothing_else_is_asked_again(way: Way, error: Exception) -> None:
    """Neither where the server does not say when, nor other errors."""
    server = Server(error)
    with pytest.raises(type(error)) as caught:
        way(server)
    assert caught.value is error
    assert len(server.asked) == 1


@both
def test_a_server_that_is_away_is_waited_for_if_it_answered_before(way: Way) -> None:
    """A restart loses no call of a client that knows its server; a wrong address is told soon."""
    server, patience = Server(), Patience(SETTINGS)
    assert way(server, patience=patience) == "answer"
    server.refusals = [UnavailableError("away"), UnavailableError("away"), full()]
    assert way(server, patience=patience) == "answer"
    assert len(server.asked) == 1 + 4
    server.refusals = [UnavailableError("gone") for _ in range(9)]
    with pytest.raises(UnavailableError, match="gone"):
        way(server, patience=patience)
    assert len(server.asked) == 5 + SETTINGS.max_attempts


@both
def test_an_attempt_that_runs_out_of_time_tells_why_it_was_made(way: Way) -> None:
    """That the server is away, or full; a first attempt says that it took too long."""
    server, patience = Server(), Patience(SETTINGS)
    assert way(server, patience=patience) == "answer"
    server.refusals = [UnavailableError("away"), DeadlineError("late")]
    with pytest.raises(UnavailableError, match="away"):
        way(server, patience=patience)
    server.refusals = [full(), DeadlineError("late")]
    with pytest.raises(OverloadedError, match="full"):
        way(server, patience=patience)
    server.refusals = [DeadlineError("late")]
    with pytest.raises(DeadlineError, match="late"):
        way(server, patience=patience)


@both
def test_the_timeout_of_the_caller_wins(way: Way) -> None:
    """A pause that would outlast it is not begun, and each attempt may take what is left."""
    server = Server(full(1000.0))
    begun = time.monotonic()
    with pytest.raises(OverloadedError, match="full"):
        way(server, 30.0)
    assert time.monotonic() - begun < 30.0
    patient = Server(full())
    assert way(patient, 30.0) == "answer"
    first, second = patient.asked
    assert first is not None
    assert second is not None
    assert 0 < second < first <= 30.0


class Watched:
    """A transport that notes refusals on their way."""

    def __init__(self, transport: Any, refusals: threading.Semaphore) -> None:
        self._transport, self._refusals = transport, refusals

    def explain(self, request: Any, timeout_seconds: float | None) -> Any:
        """Ask."""
        try:
            return self._transport.explain(request, timeout_seconds)
        except OverloadedError:
            self._refusals.release()
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class WatchedAsync(Watched):
    """The same for programs with an event loop."""

    async def explain(self, request: Any, timeout_seconds: float | None) -> Any:
        """Ask."""
        try:
            return await self._transport.explain(request, timeout_seconds)
        except OverloadedError:
            self._refusals.release()
            raise


def explain(address: str, refusals: threading.Semaphore, timeout_seconds: float = 30.0) -> Explanation:
    """Explain a molecule with the synchronous client."""
    transport: Any = Watched(GrpcTransport(address), refusals)
    with Client(transport=transport, timeout_seconds=timeout_seconds) as client:
        return client.explain(WATER, MODELS[0])


def explain_async(address: str, refusals: threading.Semaphore, timeout_seconds: float = 30.0) -> Explanation:
    """Explain a molecule with the asynchronous client."""

    async def answer() -> Explanation:
        transport: Any = WatchedAsync(AsyncGrpcTransport(address), refusals)
        async with AsyncClient(transport=transport, timeout_seconds=timeout_seconds) as client:
            return await client.explain(WATER, MODELS[0])

    return asyncio.run(answer())


@contextmanager
def held_server(models: Path) -> Iterator[tuple[str, threading.Event]]:
    """Yield the address of a server whose worker is held until an event is set; one more may wait."""
    from atomlens.server.model import Model

    entered, gate, run = threading.Event(), threading.Event(), Model.run

    def held(self: Model, work: Any) -> Any:
        entered.set()
        assert gate.wait(30)
        return run(self, work)

    with (
        serve(models=models, workers=1, max_queue_cost=10) as server,
        pytest.MonkeyPatch.context() as patch,
        ThreadPoolExecutor(1) as first,
    ):
        patch.setattr(Model, "run", held)
        try:
            running = first.submit(explain, server.address, threading.Semaphore())
            assert entered.wait(30)
            yield server.address, gate
        finally:
            gate.set()
        assert isinstance(running.result(), Explanation)


@pytest.mark.parametrize("way", [explain, explain_async])
def test_clients_of_a_full_server_are_answered_when_it_has_room(
    toy_repository: Path, way: Callable[..., Explanation]
) -> None:
    """One waits in the queue, the others are refused and come again by themselves: nothing is lost."""
    refusals = threading.Semaphore(0)
    with held_server(toy_repository) as (address, gate), ThreadPoolExecutor(3) as others:
        asked = [others.submit(way, address, refusals) for _ in range(3)]
        for _ in range(2):
            assert refusals.acquire(timeout=30)
        gate.set()
        assert len({explanation.result().energy for explanation in asked}) == 1


@pytest.mark.parametrize("way", [explain, explain_async])
def test_a_full_server_is_not_waited_for_longer_than_the_caller_waits(
    toy_repository: Path, way: Callable[..., Explanation]
) -> None:
    """The refusal is told, with its reason, while the server is still full."""
    refusals = threading.Semaphore(0)
    with held_server(toy_repository) as (address, gate), ThreadPoolExecutor(2) as others:
        asked = [others.submit(explain, address, refusals) for _ in range(2)]
        assert refusals.acquire(timeout=30)  # of the one that does not wait in the queue
        with pytest.raises(OverloadedError, match="the queue is full") as caught:
            way(address, refusals, 0.5)
        assert caught.value.reason == "QUEUE_FULL"
        gate.set()
        assert all(isinstance(one.result(), Explanation) for one in asked)


class Counted:
    """A transport that notes how often streams and probes were asked for."""

    def __init__(self, address: str) -> None:
        self._transport, self.asked = GrpcTransport(address), threading.Semaphore(0)

    def probe(self, request: Any) -> Any:
        """Ask."""
        self.asked.release()
        return self._transport.probe(request)

    def explain_stream(self, requests: Any) -> Any:
        """Ask."""
        self.asked.release()
        return self._transport.explain_stream(requests)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def probe(client: Client) -> int:
    """Return the number of slabs of a probe."""
    return len(list(client.probe(WATER, "H", MODELS[0], spacing=0.5)))


def stream(client: Client) -> int:
    """Return the number of answers of a stream."""
    return len(list(client.stream([WATER] * 3, MODELS[0])))


@pytest.mark.parametrize("way", [probe, stream])
def test_who_finds_too_many_streams_open_goes_on_when_one_ends(
    toy_repository: Path, way: Callable[[Client], int]
) -> None:
    """Probes and streams alike come again by themselves, as the server says."""
    with serve(models=toy_repository, max_streams=1) as server, ThreadPoolExecutor(1) as others:
        other: Any = Counted(server.address)
        with server.client() as first, Client(transport=other) as second:
            running = first.stream(iter([WATER] * 10**6), MODELS[0])
            next(running)
            waiting = others.submit(way, second)
            for _ in range(2):  # the first was refused where there is a second
                assert other.asked.acquire(timeout=30)
            assert not waiting.done()
            running.close()
            assert waiting.result() > 0


def test_a_server_with_too_many_calls_is_asked_again_when_one_ends(toy_repository: Path) -> None:
    """What gRPC says of it in place of the server is known."""
    hurried = StreamSettings(backoff=BackoffSettings(max_attempts=1))
    with serve(toy_repository, max_calls=1, workers=1) as server, server.client() as client:
        answers = client.stream(repeat(WATER), MODELS[0])
        expected = next(answers)
        assert isinstance(expected, Explanation)
        with server.client(streaming=hurried) as other, pytest.raises(OverloadedError) as caught:
            other.explain(WATER, MODELS[0])
        assert caught.value.reason == "TOO_MANY_CALLS"
        with ThreadPoolExecutor(1) as pool, server.client() as patient:
            waiting = pool.submit(patient.explain, WATER, MODELS[0])
            answers.close()
            assert waiting.result(30).energy == pytest.approx(expected.energy, abs=1e-5)
