"""`atomlens.server.services.explanation`: over a real socket."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status.rpc_status import from_call

from atomlens.server.admission import admit
from atomlens.server.app import Server
from atomlens.server.calls import Priority
from atomlens.server.limits import Limits
from atomlens.server.model import Model, Outputs
from atomlens.server.services.explanation import MOST_CHUNKS, _Window
from atomlens.server.structures import Structures
from atomlens.server.work import Work
from atomlens.v1 import structures_pb2
from atomlens.v1.explanation_service_pb2 import (
    ExplainRequest,
    ExplainStreamRequest,
    ExplainStreamResponse,
    StreamOptions,
    StructureChunk,
)
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import ModelSelector

from . import roomless

Pack = Callable[[Structures], structures_pb2.Structures]
Serving = Callable[..., Any]
ENERGY = ModelSelector(name="toy-bpnn-energy")
OPEN = ExplainStreamRequest(options=StreamOptions(model=ENERGY))


def stub(channel: grpc.aio.Channel) -> Any:
    """Return the service at the other end."""
    return ExplanationServiceStub(channel)


def chunk(first_id: int, packed: structures_pb2.Structures) -> ExplainStreamRequest:
    """Return structures with ids from the first one on."""
    ids = np.arange(first_id, first_id + len(packed.counts) // 4, dtype="<u8")
    return ExplainStreamRequest(chunk=StructureChunk(ids=ids.tobytes(), structures=packed))


def ids(answer: ExplainStreamResponse) -> list[int]:
    """Return the ids that an answer is for."""
    return [int(number) for number in np.frombuffer(answer.chunk.ids, "<u8")]


def details(error: grpc.aio.AioRpcError) -> tuple[str, str]:
    """Return the reason and the field that a failed call carries."""
    call: Any = error
    status: Any = from_call(call)
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.details[0].Unpack(info)
    assert status.message == error.details()
    named = any(detail.Unpack(request) for detail in status.details)
    return info.reason, request.field_violations[0].field if named else ""


@contextmanager
def held(server: Server, name: str = ENERGY.name) -> Iterator[threading.Event]:
    """Keep a model of the server from answering until the event is set."""
    model: Model = server._engine.repository.find(name)
    gate, run = threading.Event(), model.run

    def wait(work: Work) -> Outputs:
        assert gate.wait(30)
        return run(work)

    model.run = wait  # type: ignore[method-assign]
    try:
        yield gate
    finally:
        gate.set()
        model.run = run  # type: ignore[method-assign]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition of the server in this process."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


def test_a_batch_is_answered(serving: Serving, pack: Pack, g2: Structures) -> None:
    """In order, by all heads, with provenance."""

    async def main() -> None:
        async with serving() as (server, channel):
            answer = await stub(channel).Explain(ExplainRequest(model=ENERGY, structures=pack(g2)))
            assert np.array_equal(np.frombuffer(answer.explanations.counts, "<i4"), g2.counts)
            assert [head.head for head in answer.explanations.heads] == ["energy"]
            model = server._engine.repository.find(ENERGY.name)
            told = answer.provenance
            assert (told.model, told.version, told.digest, told.provider) == (
                model.name,
                1,
                model.digest,
                "cpu",
            )
            assert told.batch_cost == model.prepare(g2).cost
            assert told.queue_ms >= 0
            assert told.compute_ms > 0
            empty = await stub(channel).Explain(ExplainRequest(model=ENERGY))
            assert empty.explanations.counts == b""

    asyncio.run(main())


WRONG: dict[str, tuple[dict[str, Any], grpc.StatusCode, str, str]] = {
    "unknown model": (
        {"model": ModelSelector(name="nope")},
        grpc.StatusCode.NOT_FOUND,
        "UNKNOWN_MODEL",
        "model",
    ),
    "no model": ({"model": ModelSelector()}, grpc.StatusCode.NOT_FOUND, "UNKNOWN_MODEL", "model"),
    "unknown version": (
        {"model": ModelSelector(name="toy-bpnn-energy@7")},
        grpc.StatusCode.NOT_FOUND,
        "UNKNOWN_MODEL",
        "model",
    ),
    "another digest": (
        {"model": ModelSelector(name="toy-bpnn-energy", digest="00")},
        grpc.StatusCode.FAILED_PRECONDITION,
        "DIGEST_MISMATCH",
        "model",
    ),
    "unknown head": ({"heads": ["charge"]}, grpc.StatusCode.INVALID_ARGUMENT, "UNKNOWN_HEAD", "heads"),
    "buffers that disagree": (
        {"structures": structures_pb2.Structures(counts=np.array([2], "<i4").tobytes(), numbers=b"\1")},
        grpc.StatusCode.INVALID_ARGUMENT,
        "WRONG_SHAPE",
        "structures.numbers",
    ),
    "a name of emoji": (
        {"model": ModelSelector(name="😀" * 9999)},
        grpc.StatusCode.NOT_FOUND,
        "UNKNOWN_MODEL",
        "model",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_concerns_the_whole_call_fails_it(
    name: str, serving: Serving, pack: Pack, water: Structures
) -> None:
    """With a status, a reason and the field to blame."""
    changes, code, reason, field = WRONG[name]

    async def main() -> None:
        async with serving() as (_, channel):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub(channel).Explain(
                    ExplainRequest(**{"model": ENERGY, "structures": pack(water)} | changes)
                )
            assert caught.value.code() == code
            assert details(caught.value) == (reason, field)

    asyncio.run(main())


def bad_fourth(g2: Structures) -> Structures:
    """Return ten molecules; of the fourth, atom 7 is nowhere."""
    rows = np.flatnonzero(g2.counts >= 8)[:10]
    batch = g2.take(rows)
    positions = batch.positions.copy()
    positions[batch.offsets[3] + 7] = np.nan
    return replace(batch, positions=positions)


def test_a_bad_structure_fails_alone_in_a_batch_and_in_a_stream(
    serving: Serving, pack: Pack, g2: Structures
) -> None:
    """With its own status and the path structures[3].positions[7]; the others are answered."""
    bad = bad_fourth(g2)

    async def main() -> None:
        async with serving() as (_, channel):
            answer = await stub(channel).Explain(ExplainRequest(model=ENERGY, structures=pack(bad)))
            call = stub(channel).ExplainStream(iter([OPEN, chunk(100, pack(bad))]))
            _, streamed = [message async for message in call]
            assert ids(streamed) == list(range(100, 110))
            for explanations in (answer.explanations, streamed.chunk.explanations):
                (failure,) = explanations.failures
                request = error_details_pb2.BadRequest()
                assert failure.status.details[1].Unpack(request)
                assert (failure.structure, failure.status.code) == (
                    3,
                    grpc.StatusCode.INVALID_ARGUMENT.value[0],
                )
                assert request.field_violations[0].field == "structures[3].positions[7]"
                properties = np.frombuffer(explanations.heads[0].properties, "<f8")
                assert np.isnan(properties).tolist() == [row == 3 for row in range(10)]

    asyncio.run(main())


def test_a_message_over_the_limit_is_refused(serving: Serving, pack: Pack, g2: Structures) -> None:
    """And the next one is answered."""

    async def main() -> None:
        async with serving(max_message_mib=1) as (_, channel):
            many = pack(g2.take(np.arange(5000) % len(g2)))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub(channel).Explain(ExplainRequest(model=ENERGY, structures=many))
            assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            await stub(channel).Explain(ExplainRequest(model=ENERGY, structures=pack(g2)))

    asyncio.run(main())


def test_a_request_that_costs_more_than_the_queue_holds_is_refused(
    serving: Serving, pack: Pack, g2: Structures
) -> None:
    """For good, and not with the advice to try later."""

    async def main() -> None:
        async with serving(max_queue_cost=1000) as (_, channel):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub(channel).Explain(ExplainRequest(model=ENERGY, structures=pack(g2)))
            assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert details(caught.value) == ("REQUEST_TOO_LARGE", "structures")

    asyncio.run(main())


def test_a_full_queue_refuses_batches(serving: Serving, pack: Pack, g2: Structures) -> None:
    """RESOURCE_EXHAUSTED with its reason; a stream waits instead."""

    async def main() -> None:
        cost = 2 * 10**4
        async with serving(max_queue_cost=cost, batch_cost=cost // 2) as (server, channel):
            request = ExplainRequest(model=ENERGY, structures=pack(g2))
            with held(server) as gate:
                calls = [asyncio.ensure_future(stub(channel).Explain(request)) for _ in range(20)]
                await until(lambda: any(call.done() for call in calls))
                streamed = stub(channel).ExplainStream(iter([OPEN, chunk(0, request.structures)]))
                gate.set()
                assert len([message async for message in streamed]) == 2
            results = await asyncio.gather(*calls, return_exceptions=True)
            refused = [one for one in results if isinstance(one, grpc.aio.AioRpcError)]
            assert 0 < len(refused) < 20
            assert {details(one)[0] for one in refused} == {"QUEUE_FULL"}
            assert {one.code() for one in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}

    asyncio.run(main())


def test_a_deadline_ends_a_call_and_its_work_is_not_computed(
    serving: Serving, pack: Pack, water: Structures
) -> None:
    """What waited in the queue is dropped."""

    async def main() -> None:
        async with serving() as (server, channel):
            request = ExplainRequest(model=ENERGY, structures=pack(water))
            with held(server) as gate:
                first = asyncio.ensure_future(stub(channel).Explain(request))
                await until(lambda: server._engine.batcher.idle_workers == 0)
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await stub(channel).Explain(request, timeout=0.2)
                assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
                gate.set()
                assert (await first).provenance.batch_cost == 9
            assert (await stub(channel).Explain(request)).provenance.batch_cost == 9

    asyncio.run(main())


def test_streams_answer_every_id(serving: Serving, pack: Pack, g2: Structures) -> None:
    """In chunks as they were sent, empty ones among them."""

    async def main() -> None:
        async with serving(window_cost=500) as (_, channel):
            empty = chunk(0, structures_pb2.Structures())
            chunks = [chunk(first, pack(g2.take(np.arange(first, first + 4)))) for first in range(0, 60, 4)]
            answers = [message async for message in stub(channel).ExplainStream(iter([OPEN, empty, *chunks]))]
            assert answers[0].opened.window_cost == 500
            assert sorted(number for answer in answers[1:] for number in ids(answer)) == list(range(60))
            assert len(answers) == 17

    asyncio.run(main())


def test_a_chunk_larger_than_the_window_is_answered(serving: Serving, pack: Pack, g2: Structures) -> None:
    """It is let in alone instead of waiting for room that never comes."""

    async def main() -> None:
        async with serving(window_cost=10) as (_, channel):
            chunks = [chunk(first, pack(g2)) for first in (0, 1000)]
            async with asyncio.timeout(30):
                answers = [message async for message in stub(channel).ExplainStream(iter([OPEN, *chunks]))]
            assert sorted(ids(answer)[0] for answer in answers[1:]) == [0, 1000]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([], "options"),
        (["chunk"], "options"),
        (["options", "options"], "chunk"),
        (["options", "wrong"], "chunk.ids"),
    ],
    ids=str,
)
def test_streams_that_break_the_protocol_fail(
    messages: list[str], field: str, serving: Serving, pack: Pack, water: Structures
) -> None:
    """With a status that names the part."""
    known = {"options": OPEN, "chunk": chunk(0, pack(water))}
    known["wrong"] = ExplainStreamRequest(chunk=StructureChunk(ids=b"1", structures=pack(water)))

    async def main() -> None:
        async with serving() as (_, channel):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async for _ in stub(channel).ExplainStream(iter([known[message] for message in messages])):
                    pass
            assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert details(caught.value) == ("WRONG_SHAPE", field)

    asyncio.run(main())


def test_the_server_stops_reading_while_the_window_is_full(
    serving: Serving, pack: Pack, water: Structures
) -> None:
    """It reads the chunk that fills the window and no more until something is answered."""

    async def main() -> None:
        async with serving(window_cost=100) as (server, channel):
            admitted = spy(server)
            with held(server) as gate:
                messages = [OPEN, *(chunk(number, pack(water)) for number in range(200))]
                call = stub(channel).ExplainStream(iter(messages))
                await until(lambda: len(admitted) == 11)  # 10 + atoms and pairs 9 + structures 1
                await stub(channel).Explain(ExplainRequest(model=ModelSelector(name="toy-schnet-energy")))
                assert len(admitted) == 12, "of which one is the other call"
                gate.set()
            assert len([message async for message in call]) == 201

    asyncio.run(main())


def spy(server: Server) -> list[int]:
    """Return a list that grows with every chunk or batch that the server lets in."""
    admitted: list[int] = []
    admit = server._engine.admit

    async def counted(*args: Any) -> Any:
        admission = await admit(*args)
        admitted.append(len(admission.rows))
        return admission

    server._engine.admit = counted  # type: ignore[method-assign, assignment]
    return admitted


def test_a_client_that_does_not_read_is_not_read_from_without_bound(serving: Serving, pack: Pack) -> None:
    """Answers wait in bounded buffers; when the client reads again it gets them all."""
    lone = np.arange(20_000)[:, None] * np.array([10.0, 0.0, 0.0])
    packed = pack(Structures.molecules([20_000], [1] * 20_000, lone))  # 0.5 MB in, 0.5 MB out

    async def main() -> None:
        async with serving(window_cost=100_000) as (server, channel):
            admitted = spy(server)
            sent: list[int] = []

            async def requests() -> AsyncIterator[ExplainStreamRequest]:
                yield OPEN
                for number in range(60):
                    sent.append(number)
                    yield chunk(number, packed)

            call = stub(channel).ExplainStream(requests())
            await until(lambda: len(admitted) > 4)
            seen = -1
            while seen < len(admitted):
                seen = len(admitted)
                await asyncio.sleep(0.5)  # that nothing more is read shows only in time
            assert len(sent) < 60
            answers = [message async for message in call]
            assert len(answers) == 61

    asyncio.run(main())


def test_a_client_that_never_reads_makes_room(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    """One that has no room for the first answer, too, does not keep others from opening a stream."""
    path = "/atomlens.v1.ExplanationService/ExplainStream"

    async def main() -> None:
        async with serving(max_streams=1, stream_patience_seconds=0.5) as (server, channel):
            with roomless.call(server.address, path, OPEN.SerializeToString()), caplog.at_level(logging.INFO):
                await until(lambda: any("STALLED" in str(vars(one)) for one in caplog.records))
                opened = await stub(channel).ExplainStream(iter([OPEN])).read()
                assert opened.opened.model == ENERGY.name

    asyncio.run(main())


def test_a_stream_that_is_opened_and_never_begun_ends(serving: Serving) -> None:
    """It counts among the calls that a server answers at once, and no others."""

    async def main() -> None:
        async with serving(stream_patience_seconds=0.01) as (_, channel), asyncio.timeout(30):
            with pytest.raises(grpc.aio.AioRpcError, match="nothing was sent for") as caught:
                await stub(channel).ExplainStream().read()
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
            assert details(caught.value)[0] == "STALLED"

    asyncio.run(main())


def test_nothing_that_a_client_sends_is_free(water: Structures, model: Model) -> None:
    """Structures that fail and chunks of none fill the window too."""
    window = _Window(100_000)
    none, many = water.take([]), water.take(np.zeros(1000, int))
    refused = replace(many, spins=np.full(1000, 9))
    costs = [
        window.enter(admit(model, structures, (), Limits())) for structures in (water, none, refused, many)
    ]
    assert costs == [100_000 // MOST_CHUNKS, 100_000 // MOST_CHUNKS, 4000, 10_000]


def test_a_client_that_leaves_does_no_harm(
    serving: Serving, pack: Pack, g2: Structures, caplog: pytest.LogCaptureFixture
) -> None:
    """Amid a batch or a stream, with answers on the way or not; nothing is logged as an error."""

    async def main() -> None:
        async with serving(window_cost=20_000) as (server, channel):
            request = ExplainRequest(model=ENERGY, structures=pack(g2))
            for answers in (0, 1, 3):
                async with grpc.aio.insecure_channel(server.address) as leaving:
                    call = stub(leaving).ExplainStream(iter([OPEN, *[chunk(0, request.structures)] * 50]))
                    for _ in range(answers):
                        await call.read()
                    unary = stub(leaving).Explain(request)
                    call.cancel()
                    unary.cancel()
            await until(lambda: server._engine.batcher.cost == 0)
            await stub(channel).Explain(request)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not [task for task in others if "atomlens" in repr(task.get_coro())]

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert [
        record for record in caplog.records if record.name.startswith(("atomlens", "grpc", "asyncio"))
    ] == []


def test_many_calls_are_computed_together(serving: Serving, pack: Pack, water: Structures) -> None:
    """What came while the worker was busy makes one batch."""

    async def main() -> None:
        async with serving() as (server, channel):
            request = ExplainRequest(model=ENERGY, structures=pack(water))
            with held(server) as gate:
                calls = [asyncio.ensure_future(stub(channel).Explain(request)) for _ in range(8)]
                await until(lambda: server._engine.batcher.cost == 7 * 9)
                gate.set()
                answers = await asyncio.gather(*calls)
            assert sorted(answer.provenance.batch_cost for answer in answers) == [9, *[63] * 7]

    asyncio.run(main())


def test_a_chunk_may_not_cost_more_than_its_limit(serving: Serving, pack: Pack, g2: Structures) -> None:
    """It fails the stream by name; a chunk within the limit is answered, and so is a batch of that size."""

    async def main() -> None:
        async with serving(max_chunk_cost=1000) as (_, channel):
            small = chunk(0, pack(g2.take([0, 1])))
            call = stub(channel).ExplainStream(iter([OPEN, small]))
            assert len([message async for message in call]) == 2
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async for _ in stub(channel).ExplainStream(iter([OPEN, chunk(0, pack(g2))])):
                    pass
            assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert details(caught.value) == ("REQUEST_TOO_LARGE", "structures")
            await stub(channel).Explain(ExplainRequest(model=ENERGY, structures=pack(g2)))

    asyncio.run(main())


async def rest(call: Any) -> None:
    """Read what is left of a call."""
    while await call.read() is not grpc.aio.EOF:
        pass


async def refusal(channel: grpc.aio.Channel) -> str | None:
    """Return the reason why no stream can be opened, None where it can."""
    try:
        async for _ in stub(channel).ExplainStream(iter([OPEN])):
            pass
    except grpc.aio.AioRpcError as error:
        return details(error)[0]
    return None


def test_streams_of_a_client_are_limited(serving: Serving, pack: Pack, water: Structures) -> None:
    """One more is refused with the time to try again, until another has ended; calls go on."""

    async def main() -> None:
        async with serving(max_client_streams=1) as (server, channel):
            open_one = stub(channel).ExplainStream()
            await open_one.write(OPEN)
            await open_one.read()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async for _ in stub(channel).ExplainStream(iter([OPEN])):
                    pass
            assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            status: Any = from_call(caught.value)  # type: ignore[arg-type]
            told = error_details_pb2.RetryInfo()
            assert status.details[1].Unpack(told)
            assert told.retry_delay.ToMilliseconds() > 0
            await stub(channel).Explain(ExplainRequest(model=ENERGY, structures=pack(water)))
            open_one.cancel()
            await until(lambda: not server._engine.batcher.cost)
            while (reason := await refusal(channel)) is not None:
                assert reason == "TOO_MANY_CLIENT_STREAMS"

    asyncio.run(main())


def test_a_stream_whose_reader_sleeps_is_ended(serving: Serving, pack: Pack) -> None:
    """After a while: it holds its place no longer."""
    lone = np.arange(20_000)[:, None] * np.array([10.0, 0.0, 0.0])
    packed = pack(Structures.molecules([20_000], [1] * 20_000, lone))

    async def main() -> None:
        settings = {"window_cost": 10**6, "max_streams": 1, "stream_patience_seconds": 0.2}
        async with serving(**settings) as (_, channel):
            call = stub(channel).ExplainStream(iter([OPEN, *[chunk(0, packed)] * 100]))
            await call.read()
            while (reason := await refusal(channel)) is not None:
                assert reason == "TOO_MANY_STREAMS"
            with pytest.raises(grpc.aio.AioRpcError):
                await rest(call)  # grpc.aio does not tell why, to a client that still writes

    asyncio.run(main())


def test_a_structure_that_memory_is_short_for_fails_alone(
    serving: Serving, pack: Pack, water: Structures, g2: Structures
) -> None:
    """As RESOURCE_EXHAUSTED, without the advice to try again; its neighbours are answered."""
    largest = int(g2.counts.max())

    async def main() -> None:
        async with serving() as (server, channel):
            model: Model = server._engine.repository.find(ENERGY.name)
            run = model.run

            def narrow(work: Work) -> Outputs:
                if max(work.counts) == largest:
                    raise MemoryError("Unable to allocate 64 GiB")
                return run(work)

            model.run = narrow  # type: ignore[method-assign]
            batch = Structures.concatenate([water, g2.take([int(g2.counts.argmax())]), water])
            try:
                answer = await stub(channel).Explain(ExplainRequest(model=ENERGY, structures=pack(batch)))
            finally:
                model.run = run  # type: ignore[method-assign]
            (failure,) = answer.explanations.failures
            info = error_details_pb2.ErrorInfo()
            assert failure.status.details[0].Unpack(info)
            assert (failure.structure, failure.status.code, info.reason) == (1, 8, "OUT_OF_MEMORY")
            assert len(failure.status.details) == 2  # ErrorInfo and BadRequest, no RetryInfo
            properties = np.frombuffer(answer.explanations.heads[0].properties, "<f8")
            assert np.isnan(properties).tolist() == [False, True, False]

    asyncio.run(main())


def test_a_structure_over_the_limit_is_refused_before_it_queues(
    serving: Serving, pack: Pack, water: Structures, g2: Structures
) -> None:
    """Alone and among others, while nothing that is computed has left the queue."""

    async def main() -> None:
        async with serving(max_structure_cost=100) as (server, channel):
            with held(server):
                large = pack(g2.take([int(g2.counts.argmax())]))
                answer = await stub(channel).Explain(ExplainRequest(model=ENERGY, structures=large))
                (failure,) = answer.explanations.failures
                assert failure.status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
                assert "100 (atoms + pairs" in failure.status.message
                assert server._engine.batcher.idle_workers == 1

    asyncio.run(main())


def test_calls_pass_streams_and_say_otherwise_in_their_metadata(
    serving: Serving, pack: Pack, water: Structures
) -> None:
    """A call is computed before a chunk that came first; one that calls itself bulk work waits with it."""

    async def main() -> None:
        async with serving() as (server, channel):
            batcher, request = server._engine.batcher, ExplainRequest(model=ENERGY, structures=pack(water))
            with held(server) as gate:
                first = asyncio.ensure_future(stub(channel).Explain(request))
                await until(lambda: batcher.idle_workers == 0)
                streamed = stub(channel).ExplainStream(iter([OPEN, chunk(0, pack(water.take([0] * 20)))]))
                await until(lambda: batcher.waiting(Priority.BULK).cost == 180)
                bulk = (("atomlens-priority", "bulk"),)
                patient = asyncio.ensure_future(stub(channel).Explain(request, metadata=bulk))
                await until(lambda: batcher.waiting(Priority.BULK).cost == 189)
                other = ExplainRequest(model=ModelSelector(name="toy-schnet-energy"), structures=pack(water))
                urgent = asyncio.ensure_future(stub(channel).Explain(other))
                await until(lambda: batcher.waiting(Priority.INTERACTIVE).cost > 0)
                model: Model = server._engine.repository.find("toy-schnet-energy")
                run, waiting = model.run, list[int]()

                def noted(work: Work) -> Outputs:
                    waiting.append(batcher.waiting(Priority.BULK).cost)
                    return run(work)

                model.run = noted  # type: ignore[method-assign]
                gate.set()
                await asyncio.gather(first, patient, urgent)
                model.run = run  # type: ignore[method-assign]
                assert waiting == [189]
                assert len([message async for message in streamed]) == 2

    asyncio.run(main())
