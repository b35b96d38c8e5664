"""`atomlens.server.telemetry.traces`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from atomlens.server.settings import TelemetrySettings
from atomlens.server.telemetry import traces as module
from atomlens.server.telemetry.traces import Traces, computed, part
from tests.server.telemetry.collector import Collector, DeafCollector, listening

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """Keeps spans in memory."""
    return InMemorySpanExporter()


@pytest.fixture
def traces(exporter: InMemorySpanExporter) -> Iterator[Traces]:
    """Traces that go there when they are closed."""
    traces = Traces(exporter)
    yield traces
    traces.close()


def one_call(traces: Traces, metadata: dict[str, str | bytes], code: str = "OK", reason: str = "") -> None:
    """Answer a call with all its parts, as a server does: in a task of its own."""

    async def answer() -> None:
        span = traces.begin("/atomlens.v1.ExplanationService/Explain", metadata)
        with part("parse"):
            pass
        computed(20.0, 5.0, 300)
        with part("split"):
            await asyncio.sleep(0)
        if span is not None:
            span.end(code, reason, {"structures": 2})

    async def serve() -> None:
        await asyncio.create_task(answer())

    asyncio.run(serve())


def told(traces: Traces, exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    """Return the spans by name."""
    traces.close()
    return {span.name: span for span in exporter.get_finished_spans()}


def test_the_parts_of_a_call_are_below_its_span_and_that_below_the_clients(
    traces: Traces, exporter: InMemorySpanExporter
) -> None:
    """All in the trace that the client began."""
    one_call(traces, {**SAMPLED})
    spans = told(traces, exporter)
    call = spans.pop("atomlens.v1.ExplanationService/Explain")
    assert call.kind is SpanKind.SERVER
    assert call.parent is not None
    assert call.context is not None
    assert f"{call.parent.span_id:016x}" == PARENT
    assert set(spans) == {"parse", "queue", "run", "split"}
    for span in spans.values():
        assert span.context is not None
        assert span.parent == call.context
        assert f"{span.context.trace_id:032x}" == TRACE


def test_waiting_and_computing_last_as_long_as_they_did(
    traces: Traces, exporter: InMemorySpanExporter
) -> None:
    """One after the other, and the batch's cost is told."""
    one_call(traces, {})
    spans = told(traces, exporter)
    queue, run = spans["queue"], spans["run"]
    assert (queue.end_time or 0) - (queue.start_time or 0) == 20_000_000
    assert (run.end_time or 0) - (run.start_time or 0) == 5_000_000
    assert queue.end_time == run.start_time
    assert run.attributes == {"atomlens.batch_cost": 300}


@pytest.mark.parametrize(
    ("code", "reason", "status"),
    [
        ("OK", "", StatusCode.UNSET),
        ("INVALID_ARGUMENT", "WRONG_SHAPE", StatusCode.UNSET),
        ("INTERNAL", "INTERNAL", StatusCode.ERROR),
    ],
)
def test_a_call_tells_how_it_ended(
    traces: Traces, exporter: InMemorySpanExporter, code: str, reason: str, status: StatusCode
) -> None:
    """It is an error of the server's only where the server is to blame; what else is known is told too."""
    one_call(traces, {}, code, reason)
    call = told(traces, exporter)["atomlens.v1.ExplanationService/Explain"]
    assert call.status.status_code is status
    attributes = dict(call.attributes or {})
    assert attributes["rpc.response.status_code"] == code
    assert attributes.get("error.type", "") == reason
    assert attributes["atomlens.structures"] == 2
    assert call.parent is None


@pytest.mark.parametrize(
    "metadata",
    [{"traceparent": "nonsense"}, {"traceparent": b"\xff"}, {"traceparent": f"00-{'0' * 32}-{PARENT}-01"}],
    ids=["nonsense", "bytes", "zeros"],
)
def test_a_broken_context_begins_a_trace_of_its_own(
    traces: Traces, exporter: InMemorySpanExporter, metadata: dict[str, str | bytes]
) -> None:
    """Whatever a client sends, its call is answered."""
    one_call(traces, metadata)
    assert told(traces, exporter)["atomlens.v1.ExplanationService/Explain"].parent is None


def test_what_the_client_does_not_sample_is_not_told(traces: Traces, exporter: InMemorySpanExporter) -> None:
    """It decides for the whole trace."""
    one_call(traces, {"traceparent": f"00-{TRACE}-{PARENT}-00"})
    assert not told(traces, exporter)


def test_calls_that_are_answered_at_once_keep_their_parts_apart(
    traces: Traces, exporter: InMemorySpanExporter
) -> None:
    """Each part is below the span of its own call."""

    async def answer(both: asyncio.Barrier) -> None:
        span = traces.begin("/s/M", {})
        await both.wait()
        with part("parse"):
            await both.wait()
        assert span is not None
        span.end("OK", "", {})

    async def serve() -> None:
        both = asyncio.Barrier(2)
        await asyncio.gather(*(asyncio.create_task(answer(both)) for _ in range(2)))
        assert part("parse") is module.NOTHING

    asyncio.run(serve())
    traces.close()
    spans = exporter.get_finished_spans()
    calls = [span.context.span_id for span in spans if span.name == "s/M" and span.context]
    parts = [span.parent.span_id for span in spans if span.name == "parse" and span.parent]
    assert len(set(calls)) == 2
    assert sorted(parts) == sorted(calls)


def test_a_collector_gets_the_spans_over_grpc() -> None:
    """With the name of the service, so that they can be found."""
    collector = Collector()
    with listening(collector) as url:
        traces = Traces.open(TelemetrySettings(otlp_endpoint=url), {})
        one_call(traces, {**SAMPLED})
        traces.close()
    (resource,) = collector.resources
    attributes = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert attributes["service.name"] == "atomlens"
    assert attributes["service.version"]
    names = {span.name for span in collector.spans}
    assert names == {"atomlens.v1.ExplanationService/Explain", "parse", "queue", "run", "split"}
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}


def test_a_service_can_be_named_with_opentelemetrys_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """As all others of the installation are."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "lab")
    collector = Collector()
    with listening(collector) as url:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        traces = Traces.open(TelemetrySettings())
        one_call(traces, {})
        traces.close()
    (resource,) = collector.resources
    attributes = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert attributes["service.name"] == "lab"


def test_a_collector_that_does_not_answer_keeps_no_server_from_leaving(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Spans that cannot be told are lost, calls are answered."""
    monkeypatch.setattr(module, "LEAVING_SECONDS", 0.05)
    collector = DeafCollector()
    with listening(collector) as url:
        traces = Traces.open(TelemetrySettings(otlp_endpoint=url), {})
        one_call(traces, {})
        traces.close()
        assert collector.asked.wait(60)
        assert not collector.requests
        collector.enough.set()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_SERVICE_NAME": "lab"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4317", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4317", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_there_are_no_traces_where_nobody_wants_them(environment: dict[str, str]) -> None:
    """No span, and nothing to close."""
    traces = Traces.open(TelemetrySettings(), environment)
    assert not traces.are_wanted
    assert traces.begin("/s/M", {**SAMPLED}) is None
    one_call(traces, {})
    traces.close()


def test_a_protocol_that_is_not_spoken_is_an_error() -> None:
    """Rather than spans that nobody ever sees; an endpoint in the settings is for gRPC in any case."""
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    with pytest.raises(ValueError, match="OTEL_EXPORTER_OTLP_PROTOCOL must be grpc, got 'http/protobuf'"):
        Traces.open(TelemetrySettings(), environment)
    traces = Traces.open(TelemetrySettings(otlp_endpoint="http://localhost:1"), environment)
    assert traces.are_wanted
    traces.close()


def test_what_is_configured_and_not_installed_is_an_error_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When the server starts, and not at the first call."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)
    with pytest.raises(ValueError, match=r"need the extra `trace`: pip install 'atomlens\[trace\]'"):
        Traces.open(TelemetrySettings(otlp_endpoint="http://localhost:4317"), {})


def test_opentelemetry_is_not_loaded_without_traces() -> None:
    """A server without them needs neither its time nor its memory."""
    code = (
        "import sys; from atomlens.server.settings import TelemetrySettings as S; "
        "from atomlens.server.telemetry.traces import Traces, part; "
        "Traces.open(S(), {}).begin('/s/M', {}); part('parse').__enter__(); "
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
