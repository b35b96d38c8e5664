"""`atomlens.server.services.explain_stream`: over a real socket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status.rpc_status import from_call

from atomlens.server.admission import admit
from atomlens.server.app import Server
from atomlens.server.limits import Limits
from atomlens.server.model import Model
from atomlens.server.services.explain_stream import MOST_CHUNKS, _Window
from atomlens.server.structures import Structures
from atomlens.v1 import structures_pb2
from atomlens.v1.explanation_service_pb2 import (
    ExplainRequest,
    ExplainStreamRequest,
    StructureChunk,
)
from atomlens.v1.explanations_pb2 import ModelSelector

from . import roomless
from .asking import ENERGY, OPEN, chunk, details, held, ids, stub, until

Pack = Callable[[Structures], structures_pb2.Structures]
Serving = Callable[..., Any]


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
