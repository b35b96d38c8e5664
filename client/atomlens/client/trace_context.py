"""Trace context: the caller's OpenTelemetry span, told to the server so that its own spans lie below it."""

from __future__ import annotations

import sys


def trace_context() -> tuple[tuple[str, str], ...]:
    """Return the metadata `traceparent` and its like of the span that is active; none without a span.

    OpenTelemetry is never imported for it: in a program that did not, no span can be active.
    """
    if "opentelemetry.trace" not in sys.modules:
        return ()
    from opentelemetry import propagate, trace

    if not trace.get_current_span().get_span_context().is_valid:
        return ()
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return tuple((name.lower(), value) for name, value in carrier.items())
