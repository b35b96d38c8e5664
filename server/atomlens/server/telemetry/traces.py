"""Traces: where the time of a call goes, told to an OpenTelemetry collector where one is configured.

A call is a span of kind server, a child of the client's where that sent `traceparent`. Below it are the spans
parse, queue, run and split, several of them where a call comes in pieces. Without a collector there are none,
OpenTelemetry is not even imported, and a part of a call costs a fraction of a microsecond.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from importlib.metadata import version
from threading import Thread
from typing import TYPE_CHECKING, Any

from atomlens.server.settings import TelemetrySettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

OURS = ("UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")  # to blame
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
LEAVING_SECONDS = 3.0  # for spans that are not told yet when the server leaves
NOTHING: AbstractContextManager[Any] = nullcontext()

_tracer: ContextVar[Tracer | None] = ContextVar("tracer", default=None)  # of the call that is answered


class CallSpan:
    """The span of one call, until it ends."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def end(self, code: str, reason: str, fields: Mapping[str, str | int | float]) -> None:
        """End with the name of a gRPC code, a reason unless it is OK, and what else is known of the call."""
        from opentelemetry.trace import StatusCode

        self._span.set_attribute("rpc.response.status_code", code)
        self._span.set_attributes({f"atomlens.{name}": value for name, value in fields.items()})
        if reason:
            self._span.set_attribute("error.type", reason)
        if code in OURS:
            self._span.set_status(StatusCode.ERROR, reason)
        self._span.end()


class Traces:
    """The spans of one server, sent by a thread of their own; of none without an exporter."""

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        self._provider = None if exporter is None else _provider(exporter)
        self._tracer = None if self._provider is None else self._provider.get_tracer("atomlens.server")

    @classmethod
    def open(cls, settings: TelemetrySettings, environment: Mapping[str, str] = os.environ) -> Traces:
        """Return traces to the collector that settings or OpenTelemetry's variables name, or to none.

        Raises:
            ValueError: one is named and the extra `trace` is not installed, or it is to be spoken to in
                another protocol than gRPC.
        """
        if not _is_wanted(settings, environment):
            return cls()
        _check_protocol(settings, environment)
        try:
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        except ImportError as error:
            raise ValueError(
                "`otlp_endpoint`, or a variable of OpenTelemetry, asks for traces, which need the extra "
                "`trace`: pip install 'atomlens[trace]'"
            ) from error
        return cls(OTLPSpanExporter(endpoint=settings.otlp_endpoint or None))

    @property
    def are_wanted(self) -> bool:
        """Whether calls have spans."""
        return self._tracer is not None

    def begin(self, path: str, metadata: Mapping[str, str | bytes]) -> CallSpan | None:
        """Begin the span of a call, whose parts in this task and its children are below it; None for none.

        Args:
            path: /SERVICE/METHOD.
            metadata: of the call, with the client's `traceparent` if it has a span.
        """
        if self._tracer is None:
            return None
        from opentelemetry import context, trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carried = {name: value for name, value in metadata.items() if isinstance(value, str)}
        parent = TraceContextTextMapPropagator().extract(carried)
        attributes = {"rpc.system.name": "grpc", "rpc.method": path.removeprefix("/")}
        span = self._tracer.start_span(path.removeprefix("/"), parent, trace.SpanKind.SERVER, attributes)
        context.attach(trace.set_span_in_context(span, parent))
        _tracer.set(self._tracer)
        return CallSpan(span)

    def close(self) -> None:
        """Send what is not sent yet, unless that takes long."""
        if self._provider is not None:
            leaving = Thread(target=self._provider.shutdown, name="traces", daemon=True)
            leaving.start()
            leaving.join(LEAVING_SECONDS)


def part(name: str) -> AbstractContextManager[Any]:
    """Return a context that is a part of the call that is being answered: parse or split."""
    tracer = _tracer.get()
    return NOTHING if tracer is None else tracer.start_as_current_span(name)


def computed(queue_ms: float, compute_ms: float, batch_cost: int) -> None:
    """Tell that work of the call that is being answered waited and was computed, just now."""
    tracer = _tracer.get()
    if tracer is not None:
        now = time.time_ns()
        begun = now - round(1e6 * compute_ms)
        tracer.start_span("queue", start_time=begun - round(1e6 * queue_ms)).end(begun)
        attributes = {"atomlens.batch_cost": batch_cost}
        tracer.start_span("run", attributes=attributes, start_time=begun).end(now)


def _is_wanted(settings: TelemetrySettings, environment: Mapping[str, str]) -> bool:
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if environment.get("OTEL_TRACES_EXPORTER", "").lower() == "none":
        return False
    return bool(settings.otlp_endpoint or any(environment.get(name) for name in ENDPOINTS))


def _check_protocol(settings: TelemetrySettings, environment: Mapping[str, str]) -> None:
    """Raise ValueError where the collector is named for another protocol; ours is for gRPC."""
    name = next((name for name in PROTOCOLS if environment.get(name)), None)
    if name and environment[name] != "grpc" and not settings.otlp_endpoint:
        raise ValueError(f"{name} must be grpc, got {environment[name]!r}")


def _provider(exporter: SpanExporter) -> TracerProvider:
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    ours = {SERVICE_NAME: "atomlens", SERVICE_VERSION: version("atomlens")}
    given = Resource.create()  # of OpenTelemetry's variables
    if not str(given.attributes[SERVICE_NAME]).startswith("unknown_service"):
        del ours[SERVICE_NAME]
    provider = TracerProvider(resource=given.merge(Resource(ours)), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
