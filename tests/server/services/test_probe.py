"""`atomlens.server.services.probe`: probes over a real socket."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status.rpc_status import from_call

from atomlens.server.app import Server
from atomlens.server.probes.probe import STRETCH_POINTS
from atomlens.server.probes.probing import Probing
from atomlens.server.probes.slab import Slab
from atomlens.server.structures import Structures
from atomlens.v1 import probes_pb2, structures_pb2
from atomlens.v1.explanation_service_pb2 import ExplainRequest
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import ModelSelector

Pack = Callable[[Structures], structures_pb2.Structures]
Serving = Callable[..., Any]
MODEL = "toy-schnet-energy"
BUFFER_MIB = 30  # that a stream whose reader sleeps costs at most, as the settings document


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in an event loop of its own."""

    @wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(test(**fixtures))

    return run


class Answer(NamedTuple):
    """All messages of one probe."""

    header: probes_pb2.ProbeHeader
    slabs: list[probes_pb2.ProbeSlab]
    trailer: probes_pb2.ProbeTrailer

    @property
    def values(self) -> np.ndarray:
        """The values of all slabs: (fields, points)."""
        fields = len(self.header.fields)
        return np.concatenate([floats(slab).reshape(fields, -1) for slab in self.slabs], axis=1)


def floats(slab: probes_pb2.ProbeSlab) -> np.ndarray:
    """Return the values of a slab as they lie in it."""
    return np.frombuffer(slab.values, "<f4")


def grid(count: int, length: float = 8.0) -> probes_pb2.Grid:
    """Return a cube of points about the origin."""
    return probes_pb2.Grid(
        origin=np.full(3, -length / 2, "<f8").tobytes(),
        axes=(np.eye(3) * length / count).astype("<f8").tobytes(),
        counts=np.full(3, count, "<i4").tobytes(),
    )


def ask(structures: structures_pb2.Structures, model: str = MODEL, **fields: Any) -> probes_pb2.ProbeRequest:
    """Return a request for a probe of hydrogen on a cube of 40³ points, or for something else."""
    where = {} if {"grid", "fitted", "points"} & set(fields) else {"grid": grid(40)}
    given: dict[str, Any] = {"elements": bytes([1]), **where, **fields}
    return probes_pb2.ProbeRequest(model=ModelSelector(name=model), structures=structures, **given)


async def answer(channel: grpc.aio.Channel, request: probes_pb2.ProbeRequest) -> Answer:
    """Read a probe to its end."""
    messages = [message async for message in stub(channel).Probe(request)]
    kinds = [message.WhichOneof("content") for message in messages]
    assert kinds == ["header", *["slab"] * (len(kinds) - 2), "trailer"]
    return Answer(messages[0].header, [message.slab for message in messages[1:-1]], messages[-1].trailer)


def stub(channel: grpc.aio.Channel) -> Any:
    """Return the service at the other end."""
    return ExplanationServiceStub(channel)


async def rest(call: Any, into: list[probes_pb2.ProbeResponse] | None = None) -> None:
    """Read what is left of a call, into a list if there is one."""
    while (message := await call.read()) is not grpc.aio.EOF:
        if into is not None:
            into.append(message)


async def refused(call: Any) -> tuple[grpc.StatusCode, str, str]:
    """Return status, reason and field of a call that is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await rest(call)
    error: Any = caught.value
    status: Any = from_call(error)
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.details[0].Unpack(info)
    named = any(detail.Unpack(request) for detail in status.details)
    return error.code(), info.reason, request.field_violations[0].field if named else ""


@contextmanager
def counted(server: Server) -> Iterator[list[int]]:
    """Note every slab that the server computes."""
    engine, computed = server._engine, []
    slab = engine._slab

    async def note(probing: Probing, index: int) -> Slab:
        computed.append(index)
        return await slab(probing, index)

    engine._slab = note  # type: ignore[method-assign]
    yield computed
    engine._slab = slab  # type: ignore[method-assign]


async def settled(numbers: list[int]) -> int:
    """Return how many numbers there are when for a while no more have come."""
    quiet, before = 0, -1
    while quiet < 20:
        quiet, before = (quiet + 1 if len(numbers) == before else 0), len(numbers)
        await asyncio.sleep(0.02)
    return before


@in_a_loop
async def test_a_probe_is_a_header_slabs_and_a_trailer(
    serving: Serving, pack: Pack, water: Structures
) -> None:
    """The header tells what comes, slabs follow in order, the trailer tells what came."""
    async with serving() as (_, channel):
        got = await answer(channel, ask(pack(water), elements=bytes([8, 1]), slab_points=STRETCH_POINTS))
    header, trailer = got.header, got.trailer
    assert (header.points, header.slabs, header.slab_points, header.dtype) == (64000, 4, 16384, "float32")
    assert [(one.head, one.element, one.unit) for one in header.fields] == [
        ("energy", 8, "eV"),
        ("energy", 1, "eV"),
    ]
    assert (header.model, header.version, header.provider) == (MODEL, 1, "cpu")
    assert header.grid == grid(40)
    assert [(slab.index, slab.first_point) for slab in got.slabs] == [(k, k * 16384) for k in range(4)]
    assert all(zlib.crc32(slab.values) == slab.checksum for slab in got.slabs)
    assert got.values.shape == (2, 64000)
    assert trailer.slabs == 4
    assert trailer.checksum == zlib.crc32(b"".join(slab.values for slab in got.slabs))
    for values, told in zip(got.values, trailer.ranges, strict=True):
        assert (told.minimum, told.minimum_point) == (values.min(), values.argmin())
        assert (told.maximum, told.maximum_point) == (values.max(), values.argmax())
    assert trailer.compute_ms > 0


@in_a_loop
async def test_slabs_of_any_size_and_order_have_the_same_bytes(
    serving: Serving, pack: Pack, water: Structures
) -> None:
    """How a probe is cut, and from where on it is asked for, changes no byte of what is at a point."""
    async with serving() as (_, channel):
        whole = await answer(channel, ask(pack(water)))
        small = await answer(channel, ask(pack(water), slab_points=STRETCH_POINTS))
        digest = small.header.digest
        backwards = [
            await answer(
                channel,
                ask(pack(water), slab_points=STRETCH_POINTS, first_slab=slab, digest=digest),
            )
            for slab in reversed(range(5))
        ]
    assert whole.header.slabs == 1
    assert small.values.tobytes() == whole.values.tobytes()
    for first, later in zip(reversed(range(5)), backwards, strict=True):
        assert later.slabs == small.slabs[first:]
        assert later.header == small.header


@in_a_loop
async def test_one_probe_beside_others_has_the_same_bytes(
    serving: Serving, pack: Pack, water: Structures
) -> None:
    """Probes that are answered at the same time by several workers do not change each other."""
    async with serving(workers=2) as (_, channel):
        alone = await answer(channel, ask(pack(water)))
        together = await asyncio.gather(*(answer(channel, ask(pack(water))) for _ in range(3)))
    assert {one.values.tobytes() for one in together} == {alone.values.tobytes()}


@in_a_loop
async def test_a_reader_that_sleeps_stops_the_server(serving: Serving, pack: Pack, water: Structures) -> None:
    """The server computes no more than what fits into the documented buffer, and goes on when read on."""
    request = ask(pack(water), model="toy-bpnn-energy", elements=bytes([1, 6, 7, 8]), grid=grid(160))
    async with serving() as (server, channel):
        with counted(server) as computed:
            call = stub(channel).Probe(request)
            header = (await call.read()).header
            slept = await settled(computed)
            first = await call.read()
            assert slept < header.slabs
            assert slept * len(first.slab.values) < BUFFER_MIB * 2**20
            for _ in range(slept):
                await call.read()
            assert len(computed) > slept
            call.cancel()


@in_a_loop
async def test_a_cancelled_call_stops_computing(serving: Serving, pack: Pack, water: Structures) -> None:
    """When the client leaves, the slab in hand is the last that is begun, and the next call is served."""
    async with serving(probe_streams=1) as (server, channel):
        with counted(server) as computed:
            call = stub(channel).Probe(ask(pack(water), grid=grid(100), slab_points=STRETCH_POINTS))
            await call.read()
            await call.read()
            call.cancel()
            begun = await settled(computed)
            assert begun < 62
            assert not server._engine.batcher.cost
        got = await answer(channel, ask(pack(water)))
        assert got.trailer.slabs == 1


@in_a_loop
async def test_probes_at_once_are_limited(serving: Serving, pack: Pack, water: Structures) -> None:
    """One probe more than the server answers at once is refused, until another has ended."""
    async with serving(probe_streams=1) as (_, channel):
        call = stub(channel).Probe(ask(pack(water), grid=grid(100)))
        await call.read()
        told = await refused(stub(channel).Probe(ask(pack(water))))
        assert told == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_PROBES", "")
        await rest(call)
        assert (await answer(channel, ask(pack(water)))).trailer.slabs == 1


@in_a_loop
async def test_a_reader_that_never_wakes_makes_room(serving: Serving, pack: Pack, water: Structures) -> None:
    """A stream that nobody reads ends after a while as one that can be taken up again."""
    request = ask(pack(water), model="toy-bpnn-energy", elements=bytes([1, 6, 7, 8]), grid=grid(160))
    async with serving(probe_streams=1, probe_patience_seconds=0.2) as (_, channel):
        call = stub(channel).Probe(request)
        await call.read()
        while (other := await _if_there_is_room(channel, ask(pack(water)))) is None:
            await asyncio.sleep(0.01)
        assert other.trailer.slabs == 1
        code, reason, _ = await refused(call)
        assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "STALLED")


async def _if_there_is_room(channel: grpc.aio.Channel, request: probes_pb2.ProbeRequest) -> Answer | None:
    try:
        return await answer(channel, request)
    except grpc.aio.AioRpcError as error:
        if error.code() != grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise
        return None


@in_a_loop
async def test_a_server_that_leaves_hands_over(serving: Serving, pack: Pack, water: Structures) -> None:
    """On SIGTERM a probe ends between slabs as UNAVAILABLE, and another server continues it byte for byte."""
    request = ask(pack(water), grid=grid(60), slab_points=STRETCH_POINTS)
    async with serving() as (_, channel), serving() as (_, other):
        whole = await answer(other, request)
        async with serving() as (server, leaving):
            call = stub(leaving).Probe(request)
            header = (await call.read()).header
            messages = [await call.read()]
            stopping = asyncio.ensure_future(server.stop(20.0))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await rest(call, messages)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
            await stopping
        request.first_slab, request.digest = len(messages), header.digest
        others = await answer(channel, request)
    assert len(messages) < header.slabs
    assert [*(message.slab for message in messages), *others.slabs] == whole.slabs


@in_a_loop
async def test_an_answer_of_another_model_does_not_continue(
    serving: Serving, pack: Pack, water: Structures
) -> None:
    """A digest that the answer would not have is refused before anything is computed."""
    async with serving() as (server, channel):
        header = (await answer(channel, ask(pack(water)))).header
        with counted(server) as computed:
            other = ask(pack(water), model="toy-bpnn-energy", digest=header.digest)
            told = await refused(stub(channel).Probe(other))
            assert told == (grpc.StatusCode.FAILED_PRECONDITION, "PROBE_CHANGED", "digest")
            moved = ask(pack(water), grid=grid(41), digest=header.digest)
            assert (await refused(stub(channel).Probe(moved)))[1] == "PROBE_CHANGED"
        assert not computed


@in_a_loop
async def test_provider_changes_the_digest(serving: Serving, pack: Pack, water: Structures) -> None:
    """What one provider began, another does not continue."""
    async with serving() as (server, channel):
        request = ask(pack(water))
        header = (await answer(channel, request)).header
        server._engine.repository.find(MODEL).provider = "cuda"
        request.digest = header.digest
        told = await refused(stub(channel).Probe(request))
    assert told == (grpc.StatusCode.FAILED_PRECONDITION, "PROBE_CHANGED", "digest")


@pytest.mark.parametrize(
    ("fields", "code", "reason", "field"),
    [
        ({"model": "nobody"}, "NOT_FOUND", "UNKNOWN_MODEL", "model"),
        ({"elements": b""}, "INVALID_ARGUMENT", "WRONG_SHAPE", "elements"),
        ({"elements": bytes([1, 17])}, "INVALID_ARGUMENT", "UNKNOWN_ELEMENT", "elements[1]"),
        ({"heads": ["charge"]}, "INVALID_ARGUMENT", "UNKNOWN_HEAD", "heads"),
        ({"points": b""}, "INVALID_ARGUMENT", "NO_POINTS", "points"),
        ({"points": b"12345678"}, "INVALID_ARGUMENT", "WRONG_SHAPE", "points"),
        ({"grid": grid(300)}, "INVALID_ARGUMENT", "TOO_MANY_POINTS", "grid"),
        ({"grid": grid(10, 2e4)}, "INVALID_ARGUMENT", "GRID_TOO_LARGE", "grid"),
        ({"first_slab": 9}, "INVALID_ARGUMENT", "WRONG_SHAPE", "first_slab"),
    ],
    ids=lambda value: str(next(iter(value))) if isinstance(value, dict) else "",
)
@in_a_loop
async def test_bad_requests(
    serving: Serving, pack: Pack, water: Structures, fields: Any, code: str, reason: str, field: str
) -> None:
    """A request that breaks a rule ends with a status that names rule and field."""
    async with serving() as (_, channel):
        told = await refused(stub(channel).Probe(ask(pack(water), **fields)))
    assert told == (grpc.StatusCode[code], reason, field)


@in_a_loop
async def test_a_structure_over_the_limit_is_refused_before_it_queues(
    serving: Serving, pack: Pack, water: Structures
) -> None:
    """Its cost, 3 atoms and 6 pairs, is named with the limit; no worker has heard of it."""
    async with serving(max_structure_cost=8) as (server, channel):
        told = await refused(stub(channel).Probe(ask(pack(water))))
        waited = server.metrics.registry.get_sample_value(
            "atomlens_queue_seconds_count", {"priority": "bulk"}
        )
    assert told == (grpc.StatusCode.INVALID_ARGUMENT, "STRUCTURE_TOO_LARGE", "structures[0].positions")
    assert not waited


@in_a_loop
async def test_no_place(serving: Serving, pack: Pack, water: Structures) -> None:
    """A request that does not say where probes sit is refused."""
    request = probes_pb2.ProbeRequest(
        model=ModelSelector(name=MODEL), structures=pack(water), elements=bytes([1])
    )
    async with serving() as (_, channel):
        told = await refused(stub(channel).Probe(request))
    assert told == (grpc.StatusCode.INVALID_ARGUMENT, "WRONG_SHAPE", "where")


@in_a_loop
async def test_explanations_take_turns_with_probes(serving: Serving, pack: Pack, water: Structures) -> None:
    """One worker that is busy with a large probe answers an explanation in between."""
    async with serving(workers=1) as (_, channel):
        call = stub(channel).Probe(ask(pack(water), grid=grid(200)))
        await call.read()
        reading = asyncio.ensure_future(rest(call))
        explained = await stub(channel).Explain(
            ExplainRequest(model=ModelSelector(name=MODEL), structures=pack(water))
        )
        assert not reading.done()
        assert len(explained.explanations.counts) == 4
        call.cancel()
        await asyncio.wait({reading})


@in_a_loop
async def test_older_bundles_are_served_without_probes(
    serving: Serving, pack: Pack, water: Structures
) -> None:
    """A model without a probe graph explains, and refuses probes as something to be mended."""
    async with serving() as (server, channel):
        server._engine.repository.find(MODEL)._probe = None
        told = await refused(stub(channel).Probe(ask(pack(water))))
    assert told == (grpc.StatusCode.FAILED_PRECONDITION, "NO_PROBE", "model")
