"""Telemetry: all that one server tells of itself, from its start to its end."""

from __future__ import annotations

import asyncio
import time

from atomlens.server.calls import Call, Context, host
from atomlens.server.settings import TelemetrySettings
from atomlens.server.telemetry.call_log import CallLog
from atomlens.server.telemetry.metrics import Metrics
from atomlens.server.telemetry.page import MetricsPage
from atomlens.server.telemetry.traces import CallSpan, Traces

# A client gives up at its own deadline, which is a little earlier: the call took a while to come here.
NEAR_SECONDS = 0.1


class Telemetry:
    """Metrics, their page, traces and the log of calls."""

    def __init__(self, settings: TelemetrySettings, metrics: Metrics | None = None) -> None:
        """Find the collector of traces, if there is to be one.

        Raises:
            ValueError: traces are asked for and cannot be had.
        """
        self.metrics = metrics or Metrics()
        self.traces, self.calls = Traces.open(settings), CallLog(settings.log_calls)
        self._page, self._where = MetricsPage(self.metrics.registry), settings.metrics_host_and_port

    @property
    def metrics_address(self) -> str:
        """Where the metrics are; empty for nowhere."""
        return self._page.address

    async def start(self) -> None:
        """Let the metrics be asked for.

        Raises:
            OSError: their address cannot be listened on.
        """
        if self._where is not None:
            await asyncio.to_thread(self._page.start, *self._where)

    async def stop(self) -> None:
        """Tell what is not told yet, and then no more; may be called again."""
        await asyncio.to_thread(self._page.stop)
        await asyncio.to_thread(self.traces.close)

    def watch(self, path: str, context: Context) -> Watch:
        """Return what a call of /SERVICE/METHOD, which came just now, is told with."""
        self.metrics.call_started(path)
        return Watch(self, path, context)


class Watch:
    """One call, from the door to its end. Unless it is told otherwise, the client has left."""

    __slots__ = ("_begun", "_call", "_context", "_path", "_span", "_telemetry", "code", "reason")

    def __init__(self, telemetry: Telemetry, path: str, context: Context) -> None:
        self._telemetry, self._path, self._context = telemetry, path, context
        self._begun = time.perf_counter()
        self._call: Call | None = None
        self._span: CallSpan | None = None
        self.code, self.reason = "CANCELLED", ""

    def let_in(self, call: Call) -> None:
        """The call may be made; its span begins."""
        self._call = call
        call.account.listener = self._telemetry.metrics
        if call.method.stream:
            self._telemetry.metrics.stream_opened(call.method.stream)
        if self._telemetry.traces.are_wanted:
            metadata = dict(self._context.invocation_metadata() or ())
            self._span = self._telemetry.traces.begin(self._path, metadata)

    def end(self) -> None:
        """The call ended with `code`, a name of gRPC's, and `reason`."""
        if self._call is not None:
            self._leave(self._call)
        seconds = time.perf_counter() - self._begun
        self._telemetry.metrics.call_ended(self._path, self.code, self.reason, seconds)
        peer = "" if self._call else host(self._context.peer())
        self._telemetry.calls.ended(self._path, self._call, peer, self.code, self.reason, seconds)
        if self._span is not None and self._call is not None:
            who = {"request_id": self._call.request_id, "client": self._call.client}
            self._span.end(self.code, self.reason, {**who, **self._call.account.fields()})

    def _leave(self, call: Call) -> None:
        if call.method.stream:
            self._telemetry.metrics.stream_closed(call.method.stream)
        if self.code == "CANCELLED" and call.deadline - NEAR_SECONDS <= asyncio.get_running_loop().time():
            self.code, self.reason = "DEADLINE_EXCEEDED", "DEADLINE"  # gRPC cancels what is late
