"""`atomlens.server.services.stay`: streams that end with their connection's age, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import numpy as np
import pytest

from atomlens.server.services.stay import Stay
from atomlens.server.settings import ListeningSettings
from atomlens.server.structures import Structures
from atomlens.v1 import probes_pb2, structures_pb2
from atomlens.v1.explanation_service_pb2 import ExplainStreamRequest, StreamOptions, StructureChunk
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import ModelSelector

Pack = Callable[[Structures], structures_pb2.Structures]
Serving = Callable[..., Any]
ENERGY = ModelSelector(name="toy-bpnn-energy")


def test_a_stay_is_over_when_the_server_leaves_or_its_time_has_come() -> None:
    """Whichever is first; without an age only the first."""

    async def main() -> None:
        draining = asyncio.Event()
        aged = Stay(draining, ListeningSettings(max_connection_age_seconds=0.01))
        forever = Stay(draining, ListeningSettings())
        assert not forever.is_over
        await aged.over()
        assert aged.is_over
        assert not forever.is_over
        waiting = asyncio.create_task(forever.over())
        draining.set()
        await waiting
        assert forever.is_over

    asyncio.run(main())


def test_a_stream_of_some_age_ends_well_with_everything_answered(
    serving: Serving, pack: Pack, g2: Structures
) -> None:
    """The server stops reading, answers what it read and ends the stream with OK."""

    async def main() -> None:
        async with serving(max_connection_age_seconds=0.3) as (_, channel):
            sent = 0

            async def requests() -> AsyncIterator[ExplainStreamRequest]:
                nonlocal sent
                yield ExplainStreamRequest(options=StreamOptions(model=ENERGY))
                while True:  # the client never says that it is done
                    ids = np.arange(sent, sent + len(g2), dtype="<u8").tobytes()
                    yield ExplainStreamRequest(chunk=StructureChunk(ids=ids, structures=pack(g2)))
                    sent += len(g2)
                    await asyncio.sleep(0)

            stub: Any = ExplanationServiceStub(channel)
            call = stub.ExplainStream(requests())
            answered = [bytes(answer.chunk.ids) async for answer in call if answer.HasField("chunk")]
            assert await call.code() == grpc.StatusCode.OK
            ids = np.frombuffer(b"".join(answered), "<u8")
            assert sorted(ids) == list(range(len(ids)))
            assert 0 < len(ids) <= sent + len(g2)

    asyncio.run(main())


def test_a_stream_that_must_end_before_it_began_is_to_be_opened_elsewhere(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client is not told of a mistake that it did not make."""

    async def at_once(_: Stay) -> None:
        return

    monkeypatch.setattr(Stay, "over", at_once)

    async def main() -> None:
        async with serving() as (_, channel):
            stub: Any = ExplanationServiceStub(channel)
            with pytest.raises(grpc.aio.AioRpcError, match="open it again") as caught:
                await stub.ExplainStream().read()
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE

    asyncio.run(main())


def test_a_probe_that_must_end_gets_a_slab_further_at_least(
    serving: Serving, pack: Pack, water: Structures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However soon that is; the error tells where to go on."""
    monkeypatch.setattr(Stay, "is_over", True)

    async def main() -> None:
        async with serving() as (_, channel):
            stub: Any = ExplanationServiceStub(channel)
            points = np.random.default_rng(0).uniform(-3, 3, (200_000, 3))
            request = probes_pb2.ProbeRequest(
                model=ENERGY, structures=pack(water), elements=b"\x01", points=points.astype("<f8").tobytes()
            )
            header = (await stub.Probe(request).read()).header
            request.digest = header.digest
            assert header.slabs > 2
            for request.first_slab in range(header.slabs):
                call = stub.Probe(request)
                messages = [await call.read() for _ in range(2)]
                assert messages[1].slab.index == request.first_slab
                if request.first_slab + 1 < header.slabs:
                    with pytest.raises(grpc.aio.AioRpcError, match=f"from slab {request.first_slab + 1} on"):
                        await call.read()
                else:
                    assert (await call.read()).HasField("trailer")

    asyncio.run(main())
