"""`atomlens.client.trace_context`."""

from __future__ import annotations

import subprocess
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from atomlens.client.credentials import Credentials
from atomlens.client.trace_context import trace_context

SPAN = NonRecordingSpan(SpanContext(0xABC, 0xDEF, False, TraceFlags(1)))
PARENT = ("traceparent", f"00-{0xABC:032x}-{0xDEF:016x}-01")


def test_the_span_that_is_active_is_told() -> None:
    """In W3C's form, once for each span, and beside the token."""
    with trace.use_span(SPAN):
        assert trace_context() == (PARENT,)
        assert Credentials().metadata() == (PARENT,)
        assert Credentials(token="sesame").metadata() == (("authorization", "Bearer sesame"), PARENT)
        with TracerProvider().get_tracer("x").start_as_current_span("inner") as inner:
            told = dict(trace_context())["traceparent"]
            assert told == f"00-{0xABC:032x}-{inner.get_span_context().span_id:016x}-01"


def test_without_a_span_nothing_is_told() -> None:
    """Though the program has OpenTelemetry."""
    assert trace_context() == ()
    assert Credentials().metadata() is None


def test_a_program_without_opentelemetry_never_loads_it() -> None:
    """Not even where it is installed."""
    code = (
        "import sys; from atomlens.client.credentials import Credentials; Credentials().metadata(); "
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
