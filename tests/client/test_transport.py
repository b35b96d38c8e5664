"""Connections to servers that come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pytest

from atomlens.client import AsyncClient, Client, Explanation, InputError, StreamSettings, UnavailableError
from atomlens.client.async_transport import AsyncGrpcTransport
from atomlens.client.backoff import BackoffSettings
from atomlens.client.explanation import Outcome
from atomlens.client.probe import Grid, Slab
from atomlens.client.probe.header import ProbeTrailer
from atomlens.client.testing import RunningServer, serve
from atomlens.client.transport import CHANNEL_OPTIONS, RETRY_POLICY, GrpcTransport, checked_timeout
from atomlens.v1 import (
    explanation_service_pb2,
    explanation_service_pb2_grpc,
    model_service_pb2,
    structures_pb2,
)

from .conftest import MODELS, WATER

if TYPE_CHECKING:
    from ase import Atoms

SETTINGS = StreamSettings(chunk_atoms=100, window_atoms=1000)


def test_single_calls_are_tried_while_a_server_starts_anew() -> None:
    """Pauses between attempts last three seconds at least: with less, calls failed at each restart."""
    attempts, first, most, factor = (
        float(str(RETRY_POLICY[name]).removesuffix("s"))
        for name in ("maxAttempts", "initialBackoff", "maxBackoff", "backoffMultiplier")
    )
    pauses = [min(first * factor**failed, most) for failed in range(int(attempts) - 1)]
    assert 0.8 * sum(pauses) > 3.0  # gRPC shortens each by a fifth at most
    longest = float(dict(CHANNEL_OPTIONS)["grpc.max_reconnect_backoff_ms"]) / 1000
    assert 1.2 * longest < 3.0  # nor do calls give up while gRPC waits with connecting to one that is back


def ask(address: str, items: Iterator[Atoms]) -> list[Outcome]:
    """Stream with the synchronous client."""
    with Client(address, streaming=SETTINGS) as client:
        return list(client.stream(items, MODELS[0]))


def ask_async(address: str, items: Iterator[Atoms]) -> list[Outcome]:
    """Stream with the asynchronous client."""

    async def collect() -> list[Outcome]:
        async with AsyncClient(address, streaming=SETTINGS) as client:
            return [outcome async for outcome in client.stream(items, MODELS[0])]

    return asyncio.run(collect())


@pytest.mark.parametrize("way", [ask, ask_async])
def test_replaced_server(
    toy_repository: Path, molecules: list[Atoms], way: Callable[[str, Iterator[Atoms]], list[Outcome]]
) -> None:
    """A stream goes on, with nothing lost, when its server leaves and another one takes its place."""
    with ExitStack() as first, ExitStack() as second:
        address = first.enter_context(serve(models=toy_repository)).address

        def items() -> Iterator[Atoms]:
            for count in range(400):
                if count == 200:
                    first.close()
                    second.enter_context(serve(models=toy_repository, address=address))
                yield molecules[count % 20]

        outcomes = way(address, items())
    assert [outcome.id for outcome in outcomes] == [str(count) for count in range(400)]
    energies = np.array([outcome.energy for outcome in outcomes if isinstance(outcome, Explanation)], float)
    np.testing.assert_allclose(energies, np.tile(energies[:20], 20), atol=1e-3)


Replace = Callable[[], object]
GRID = Grid([-4.0, -4.0, -4.0], np.eye(3) * 0.1, (80, 80, 80))
PROBE: dict[str, Any] = {"model": MODELS[0], "grid": GRID, "slab_points": 16_384}
Probed = tuple[list[Slab], ProbeTrailer | None]


def probe(address: str, replace: Replace) -> Probed:
    """Probe with the synchronous client, whose server is replaced after the first slab."""
    with Client(address, streaming=SETTINGS) as client, client.probe(WATER, "H", **PROBE) as stream:
        slabs = [next(stream)]
        replace()
        return slabs + list(stream), stream.trailer


def probe_async(address: str, replace: Replace) -> Probed:
    """Probe with the asynchronous client."""

    async def collect() -> Probed:
        async with (
            AsyncClient(address, streaming=SETTINGS) as client,
            await client.probe(WATER, "H", **PROBE) as stream,
        ):
            slabs = [await anext(stream)]
            await asyncio.to_thread(replace)
            return slabs + [slab async for slab in stream], stream.trailer

    return asyncio.run(collect())


@pytest.mark.parametrize("way", [probe, probe_async])
def test_replaced_server_of_a_probe(
    toy_repository: Path, client: Client, way: Callable[[str, Replace], Probed]
) -> None:
    """A probe goes on with the slab that is missing, bit for bit, when another server takes the place."""
    with ExitStack() as first, ExitStack() as second:
        address = first.enter_context(serve(models=toy_repository)).address

        def replace() -> None:
            first.close()
            second.enter_context(serve(models=toy_repository, address=address))

        slabs, trailer = way(address, replace)
    assert [slab.index for slab in slabs] == list(range(32))
    assert trailer is not None
    assert trailer.slabs < 32  # the second server sent only the rest
    expected = client.probe(WATER, "H", **PROBE).collect(progress=False)
    assert np.concatenate([slab.values for slab in slabs], axis=1).tobytes() == expected.values.tobytes()


def test_no_server_for_a_probe() -> None:
    """It is an error that names the address, when all attempts are used up."""
    settings = StreamSettings(backoff=BackoffSettings(2, 0.001, 0.001))
    message = r"no AtomLens server answers at 127\.0\.0\.1:9"
    with Client("127.0.0.1:9", streaming=settings) as client, pytest.raises(UnavailableError, match=message):
        client.probe(WATER, "H", MODELS[0])


def test_probes_of_closed_clients(server: RunningServer) -> None:
    """Are refused."""

    async def ask() -> None:
        client = server.async_client()
        await client.close()
        await client.probe(WATER, "H", MODELS[0])

    closed = server.client()
    closed.close()
    for way in (lambda: closed.probe(WATER, "H", MODELS[0]), lambda: asyncio.run(ask())):
        with pytest.raises(InputError, match="the client is closed") as caught:
            way()
        assert caught.value.reason == "CLOSED"


def test_every_call() -> None:
    """The client offers every call of the API."""
    services = (
        explanation_service_pb2.DESCRIPTOR.services_by_name["ExplanationService"],
        model_service_pb2.DESCRIPTOR.services_by_name["ModelService"],
    )
    for service in services:
        for method in service.methods:
            name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in method.name)
            assert callable(getattr(GrpcTransport, name[1:]))


class Returning(explanation_service_pb2_grpc.ExplanationServiceServicer):
    """Is away at the first call, and at the second sends the request's positions back."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self.calls = 0
        self._code = code

    def Explain(  # noqa: N802
        self, request: explanation_service_pb2.ExplainRequest, context: Any
    ) -> explanation_service_pb2.ExplainResponse:
        """Fail once."""
        self.calls += 1
        if self.calls == 1:
            context.abort(self._code, "leaving")
        response = explanation_service_pb2.ExplainResponse()
        response.explanations.counts = request.structures.positions
        return response


@contextmanager
def returning_server(code: grpc.StatusCode) -> Iterator[str]:
    """Yield the address of a server that comes back after an error of this code."""
    server = grpc.server(ThreadPoolExecutor(1))
    returning = Returning(code)  # type: ignore[abstract]  # only in the stubs
    explanation_service_pb2_grpc.add_ExplanationServiceServicer_to_server(returning, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def explain(address: str, request: explanation_service_pb2.ExplainRequest) -> Any:
    """Ask with the synchronous transport."""
    transport = GrpcTransport(address)
    try:
        return transport.explain(request, 30.0)
    finally:
        transport.close()


def explain_async(address: str, request: explanation_service_pb2.ExplainRequest) -> Any:
    """Ask with the asynchronous transport."""

    async def ask() -> explanation_service_pb2.ExplainResponse:
        transport = AsyncGrpcTransport(address)
        try:
            return await transport.explain(request, 30.0)
        finally:
            await transport.close()

    return asyncio.run(ask())


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
@pytest.mark.parametrize("way", [explain, explain_async])
def test_large_requests_are_tried_again(
    way: Callable[[str, explanation_service_pb2.ExplainRequest], Any], code: grpc.StatusCode
) -> None:
    """A request of 800 KiB, more than gRPC keeps by default, outlives a server that is away or leaves."""
    positions = bytes(800 * 1024)
    request = explanation_service_pb2.ExplainRequest(
        structures=structures_pb2.Structures(positions=positions)
    )
    with returning_server(code) as address:
        assert way(address, request).explanations.counts == positions


@pytest.mark.parametrize("address", [5, None, "", "https://example.org"])
def test_wrong_address(address: Any) -> None:
    """What is no address is refused by name."""
    with pytest.raises(InputError, match=r"`address` must be HOST:PORT, got") as caught:
        GrpcTransport(address)
    assert caught.value.field == "address"


@pytest.mark.parametrize("seconds", [-1, 0, float("nan"), float("inf"), 1e300, "5"])
def test_wrong_timeout(seconds: Any) -> None:
    """A timeout that no clock can count is refused by both clients, not taken for a late answer."""
    for kind in (Client, AsyncClient):
        with pytest.raises(InputError, match=r"`timeout_seconds` must be a positive finite number") as caught:
            kind(timeout_seconds=seconds)
        assert caught.value.field == "timeout_seconds"


@pytest.mark.parametrize("seconds", [None, 1, 0.5, np.float32(0.5)])
def test_timeout(seconds: Any) -> None:
    """Any positive number is a timeout, and None is none."""
    assert checked_timeout(seconds) == seconds
