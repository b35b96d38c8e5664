"""`atomlens.server.telemetry.readings`, in a server over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atomlens.client.aio import AsyncClient
from atomlens.client.structure import Structure
from atomlens.server.structures import Structures
from atomlens.v1.explanation_service_pb2 import ExplainRequest
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import ModelSelector
from tests.authority import DAY, Authority
from tests.server.telemetry.running import in_a_loop, until, value

Serving = Callable[..., Any]
Pack = Callable[[Structures], Any]
ENERGY = "toy-schnet-energy"
EXPLAIN = "/atomlens.v1.ExplanationService/Explain"
WATER = Structure([8, 1, 1], [[0.0, 0.0, 0.12], [0.0, 0.76, -0.48], [0.0, -0.76, -0.48]])


@in_a_loop
async def test_what_waits_is_told_while_it_waits(
    serving: Serving, pack: Pack, water: Structures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In atoms and pairs, by priority; and so are the streams that are open."""
    async with serving() as (server, channel), AsyncClient(server.address) as client:
        stub: Any = ExplanationServiceStub(channel)
        batcher = server._engine.batcher
        monkeypatch.setattr(batcher._crew, "idle", 0)  # as if all workers had something to do
        request = ExplainRequest(model=ModelSelector(name=ENERGY), structures=pack(water))
        waiting = stub.Explain(request)
        streaming = client.stream([WATER], ENERGY)
        answer = asyncio.ensure_future(anext(streaming))
        await until(lambda: value(server, "atomlens_queue_cost") == 18)
        for priority in ("interactive", "bulk"):
            assert value(server, "atomlens_queue_jobs", priority=priority) == 1
            assert value(server, "atomlens_queue_atoms", priority=priority) == 3
            assert value(server, "atomlens_queue_pairs", priority=priority) == 6
        assert value(server, "atomlens_streams_open", kind="explain") == 1
        assert value(server, "atomlens_calls_in_progress", method=EXPLAIN) == 1
        monkeypatch.undo()
        batcher._crew.add([])
        await asyncio.gather(waiting, answer)
        await streaming.aclose()
        await until(lambda: value(server, "atomlens_streams_open", kind="explain") == 0)
        assert value(server, "atomlens_queue_cost") == 0


@in_a_loop
async def test_the_end_of_the_certificate_is_told(serving: Serving, tmp_path: Path) -> None:
    """As a point in time, from which alerts count the days that are left."""
    pair = Authority(tmp_path).issue("server", 10 * DAY)
    name = "atomlens_certificate_expiry_timestamp_seconds"
    async with serving(tls_cert=pair.cert, tls_key=pair.key) as (server, _):
        ends = value(server, name, certificate="server")
    assert ends == pytest.approx(np.datetime64("now").astype(int) + 10 * 86400, abs=3600)


@in_a_loop
async def test_a_server_is_ready_until_it_leaves(serving: Serving) -> None:
    """And tells what it is, how much it can do at once, and how much it takes."""
    async with serving(workers=2, probe_streams=3, max_queue_cost=1000) as (server, _):
        assert value(server, "atomlens_ready") == 1
        assert value(server, "atomlens_workers") == value(server, "atomlens_workers_idle") == 2
        assert value(server, "atomlens_streams_limit", kind="probe") == 3
        assert value(server, "atomlens_streams_limit", kind="all") == server.settings.max_streams
        assert value(server, "atomlens_queue_cost_limit") == 1000
        (build,) = [one for one in server.metrics.registry.collect() if one.name == "atomlens_build_info"]
        assert [sample.labels["provider"] for sample in build.samples] == ["cpu"]
    assert value(server, "atomlens_ready") == 0
