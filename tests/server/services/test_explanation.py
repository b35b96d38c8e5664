"""`atomlens.server.services.explanation`: over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2

from atomlens.server.calls import Priority
from atomlens.server.model import Model, Outputs
from atomlens.server.structures import Structures
from atomlens.server.work import Work
from atomlens.v1 import structures_pb2
from atomlens.v1.explanation_service_pb2 import (
    ExplainRequest,
)
from atomlens.v1.explanations_pb2 import ModelSelector

from .asking import ENERGY, OPEN, chunk, details, held, ids, stub, until

Pack = Callable[[Structures], structures_pb2.Structures]
Serving = Callable[..., Any]


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
