"""`atomlens.server.telemetry.telemetry`, in a server over real sockets."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any
from urllib.request import urlopen

import grpc
import numpy as np
import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from atomlens.client.aio import AsyncClient
from atomlens.client.structure import Structure
from atomlens.client.trace_context import trace_context
from atomlens.server.calls import Call, Priority, current
from atomlens.server.structures import Structures
from atomlens.server.telemetry.table import METRICS
from atomlens.v1.explanation_service_pb2 import ExplainRequest
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import ModelSelector
from tests.server.telemetry.collector import Collector, listening
from tests.server.telemetry.running import in_a_loop, until, value

Serving = Callable[..., Any]
Pack = Callable[[Structures], Any]
ENERGY = "toy-schnet-energy"
EXPLAIN = "/atomlens.v1.ExplanationService/Explain"
WATER = Structure([8, 1, 1], [[0.0, 0.0, 0.12], [0.0, 0.76, -0.48], [0.0, -0.76, -0.48]])
# Metrics that not every server has: of containers with a limit, and of certificates.
CONDITIONAL = {"atomlens_memory_limit_bytes", "atomlens_certificate_expiry_timestamp_seconds"}
SPAN = SpanContext(0xABC, 0xDEF, False, TraceFlags(1))


async def everything(client: AsyncClient) -> None:
    """Ask for explanations in a call and over a stream, and for a probe."""
    await client.explain(WATER, ENERGY)
    assert len([one async for one in client.stream([WATER, WATER], ENERGY)]) == 2
    stream = await client.probe(WATER, "H", ENERGY, points=np.full((3, 3), 2.0))
    async for _ in stream:
        pass


@in_a_loop
async def test_a_server_tells_all_metrics_of_the_table(serving: Serving) -> None:
    """On a page of its own address, which is closed with the server."""
    async with serving(metrics_address="0") as (server, _), AsyncClient(server.address) as client:
        await everything(client)
        where = server.metrics_address
        page = await asyncio.to_thread(lambda: urlopen(f"http://{where}/metrics", timeout=60).read().decode())
    told = {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")}
    assert {metric.name for metric in METRICS} - told <= CONDITIONAL
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(where.rpartition(":")[2])), timeout=10)


@in_a_loop
async def test_what_was_done_is_counted(serving: Serving) -> None:
    """Calls, structures, batches, waiting, padding, and points of probes."""
    async with serving() as (server, _), AsyncClient(server.address) as client:
        await everything(client)
        assert value(server, "atomlens_calls_total", method=EXPLAIN, code="OK") == 1
        assert value(server, "atomlens_structures_total", model=ENERGY) == 3
        assert value(server, "atomlens_batch_structures_sum", model=ENERGY) == 3
        assert value(server, "atomlens_batch_cost_total", model=ENERGY) == 27
        assert value(server, "atomlens_batch_fill_ratio_sum", model=ENERGY) == pytest.approx(27 / 50_000)
        assert value(server, "atomlens_batch_filled_slots_total", model=ENERGY) == 27
        assert value(server, "atomlens_inference_seconds_sum", model=ENERGY) > 0
        assert value(server, "atomlens_queue_seconds_count", priority="bulk") > 0
        assert value(server, "atomlens_probe_points_total") == 3
        assert value(server, "atomlens_context_cache_bytes") > 0
        assert value(server, "atomlens_model_state", model=ENERGY, version="1", state="ready") == 1


@in_a_loop
async def test_structures_that_fail_alone_are_counted_by_their_reason(
    serving: Serving, pack: Pack, water: Structures
) -> None:
    """Beside those that were answered in the same call."""
    alien = Structures.molecules([1], [92], [[0.0, 0.0, 0.0]])
    async with serving() as (server, channel):
        stub: Any = ExplanationServiceStub(channel)
        both = pack(Structures.concatenate([water, alien, alien]))
        answer = await stub.Explain(ExplainRequest(model=ModelSelector(name=ENERGY), structures=both))
        assert len(answer.explanations.failures) == 2
        assert value(server, "atomlens_structures_total", model=ENERGY) == 1
        assert value(server, "atomlens_structure_failures_total", reason="UNKNOWN_ELEMENT") == 2


@in_a_loop
async def test_a_call_that_is_late_is_told_apart_from_one_whose_client_left(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though gRPC cancels both."""
    async with serving() as (server, channel):
        stub: Any = ExplanationServiceStub(channel)

        async def forever(*arguments: Any) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(server._engine, "admit", forever)
        request = ExplainRequest(model=ModelSelector(name=ENERGY))
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.Explain(request, timeout=0.2)
        await until(lambda: value(server, "atomlens_calls_in_progress", method=EXPLAIN) == 0)
        call = stub.Explain(request)
        await until(lambda: value(server, "atomlens_calls_in_progress", method=EXPLAIN) == 1)
        call.cancel()
        await until(lambda: value(server, "atomlens_calls_in_progress", method=EXPLAIN) == 0)
        assert value(server, "atomlens_calls_total", method=EXPLAIN, code="DEADLINE_EXCEEDED") == 1
        assert value(server, "atomlens_calls_total", method=EXPLAIN, code="CANCELLED") == 1


@in_a_loop
async def test_a_call_has_one_line_in_the_log(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    """With what it was about, under the id that its client gave."""
    caplog.set_level(logging.INFO, "atomlens.server.telemetry.call_log")
    async with serving() as (server, channel), AsyncClient(server.address) as client:
        stub: Any = ExplanationServiceStub(channel)
        await everything(client)
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.Explain(
                ExplainRequest(model=ModelSelector(name="nope")), metadata=(("x-request-id", "mine"),)
            )
    records: list[Any] = [record for record in caplog.records if record.name.endswith("call_log")]
    lines = [{**record.fields, "id": record.request_id} for record in records]
    told = {line["method"].rpartition("/")[2]: line for line in lines if line["code"] == "OK"}
    assert told["Explain"]["model"] == told["Probe"]["model"] == f"{ENERGY}@1"
    assert (told["Explain"]["structures"], told["Explain"]["cost"]) == (1, 9)
    assert (told["ExplainStream"]["structures"], told["ExplainStream"]["cost"]) == (2, 18)
    assert told["Probe"]["points"] == 3
    assert {line["client"] for line in lines} == {"127.0.0.1"}
    (failed,) = [line for line in lines if line["code"] != "OK"]
    assert (failed["id"], failed["code"], failed["reason"]) == ("mine", "NOT_FOUND", "UNKNOWN_MODEL")
    assert len({line["id"] for line in lines}) == len(lines) == 4


@in_a_loop
async def test_a_call_that_is_not_let_in_is_told_of_too(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    """By the host that it came from; what it says of itself is not believed."""
    caplog.set_level(logging.INFO, "atomlens.server.telemetry.call_log")
    metadata = (("atomlens-priority", "urgent"), ("x-request-id", "mine"))
    async with serving() as (server, channel):
        stub: Any = ExplanationServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.Explain(ExplainRequest(), metadata=metadata)
        assert value(server, "atomlens_call_failures_total", method=EXPLAIN, reason="WRONG_SHAPE") == 1
    (record,) = [record for record in caplog.records if record.name.endswith("call_log")]
    fields = record.__dict__["fields"]
    assert (fields["client"], fields["code"]) == ("127.0.0.1", "INVALID_ARGUMENT")
    assert "request_id" not in record.__dict__


@in_a_loop
async def test_the_call_is_known_wherever_something_is_done_for_it(serving: Serving) -> None:
    """In the threads outside the event loop, too, whose records carry its id."""
    nothing: Any = None
    call = Call(nothing, nothing, "lab", "mine", 0.0, Priority.BULK)
    async with serving() as (server, _):
        current.set(call)
        assert await server._engine.outside(current.get) is call


@in_a_loop
async def test_spans_of_a_call_lie_below_that_of_its_client(serving: Serving) -> None:
    """From the client's program over the server to the collector, and each is told once."""
    collector = Collector()
    with listening(collector) as url:
        async with serving(otlp_endpoint=url) as (server, _), AsyncClient(server.address) as client:
            with trace.use_span(NonRecordingSpan(SPAN)):
                assert trace_context()
                await everything(client)
    calls = {span.name.rpartition("/")[2]: span for span in collector.spans if "/" in span.name}
    assert set(calls) == {"Explain", "ExplainStream", "Probe"}
    parts: dict[bytes, set[str]] = {span.span_id: set() for span in calls.values()}
    for span in collector.spans:
        assert span.trace_id == SPAN.trace_id.to_bytes(16, "big")
        if "/" not in span.name:
            parts[span.parent_span_id].add(span.name)
    assert {span.parent_span_id for span in calls.values()} == {SPAN.span_id.to_bytes(8, "big")}
    assert parts[calls["Explain"].span_id] == {"parse", "queue", "run", "split"}
    assert parts[calls["ExplainStream"].span_id] == {"parse", "queue", "run", "split"}
    assert parts[calls["Probe"].span_id] == {"context", "slab"}
    attributes = {one.key: one.value for one in calls["Explain"].attributes}
    assert attributes["atomlens.structures"].int_value == 1
    assert attributes["atomlens.request_id"].string_value


@in_a_loop
async def test_a_server_whose_metrics_cannot_be_had_does_not_start(serving: Serving) -> None:
    """The error names the setting; nothing stays behind."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"`metrics_address` 127.0.0.1:{port} cannot be listened on"):
            async with serving(metrics_address=str(port)):
                pass
