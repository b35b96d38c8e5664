"""Metrics: what the parts of the server tell of what they do, in a registry of its own for each server."""

from __future__ import annotations

from collections import Counter as Tally
from typing import Any

import prometheus_client as prometheus
from prometheus_client import CollectorRegistry

from atomlens.server.telemetry.live import LiveValues, Read
from atomlens.server.telemetry.table import METRICS, Metric

STATES = ("loading", "ready", "failed", "draining")


class Metrics:
    """All metrics of one server. Any thread may tell; calls are told on the event loop alone.

    ``registry`` is what is served to Prometheus.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._live = LiveValues()
        self.registry.register(self._live)
        prometheus.ProcessCollector(registry=self.registry)
        prometheus.PlatformCollector(registry=self.registry)
        told = (metric for metric in METRICS if metric.kind != "live")
        self._of = {metric.name: _Children(metric, self.registry) for metric in told}
        self._in_progress: Tally[tuple[str, ...]] = Tally()
        self._states: dict[tuple[str, str], str] = {}
        self.live("atomlens_calls_in_progress", lambda: dict(self._in_progress))
        self.live("atomlens_model_state", self._model_states)

    def live(self, name: str, read: Read) -> None:
        """Have a live metric of the table read with a function, when the metrics are asked for.

        Args:
            name: of the table.
            read: returns the value, or ``{(label, ...): value}`` in the order of the table's labels;
                called in another thread.
        """
        self._live.read_with(name, read)

    def call_started(self, method: str) -> None:
        """A call came to the door."""
        self._in_progress[(method,)] += 1

    def call_ended(self, method: str, code: str, reason: str, seconds: float) -> None:
        """A call ended, with the name of a gRPC code and, unless that is OK, with an error's reason."""
        self._in_progress[(method,)] -= 1
        self._of["atomlens_calls_total"][method, code].inc()
        self._of["atomlens_call_seconds"][method,].observe(seconds)
        if code != "OK":
            self._of["atomlens_call_failures_total"][method, reason or code].inc()

    def structures_answered(self, model: str, structures: int) -> None:
        """Structures of a call or a chunk were answered."""
        self._of["atomlens_structures_total"][model,].inc(structures)

    def structures_failed(self, reason: str, structures: int) -> None:
        """Structures failed alone, and others of the same call were answered."""
        self._of["atomlens_structure_failures_total"][reason,].inc(structures)

    def waited(self, priority: str, seconds: float) -> None:
        """A piece of work leaves the queue to be computed."""
        self._of["atomlens_queue_seconds"][priority,].observe(seconds)

    def refused(self, reason: str) -> None:
        """A piece of work was not let into the queue."""
        self._of["atomlens_work_refused_total"][reason,].inc()

    def dropped(self, reason: str) -> None:
        """A piece of work left the queue and is not computed: CANCELLED or DEADLINE."""
        self._of["atomlens_work_dropped_total"][reason,].inc()

    def batch(
        self,
        model: str,
        structures: int,
        cost: int,
        capacity: int,
        filled_slots: int,
        padded_slots: int,
        seconds: float,
    ) -> None:
        """A batch was computed.

        Args:
            model: its name, without the version.
            structures: that were computed together.
            cost: of them all, atoms + pairs.
            capacity: the cost at which a batch is closed.
            filled_slots: entries of the arrays that held something.
            padded_slots: entries of the arrays that held nothing.
            seconds: that it took.
        """
        of, labels = self._of, (model,)
        of["atomlens_batch_structures"][labels].observe(structures)
        of["atomlens_batch_fill_ratio"][labels].observe(cost / capacity)
        of["atomlens_batch_cost_total"][labels].inc(cost)
        of["atomlens_batch_filled_slots_total"][labels].inc(filled_slots)
        of["atomlens_batch_padded_slots_total"][labels].inc(padded_slots)
        of["atomlens_inference_seconds"][labels].observe(seconds)

    def out_of_memory(self, model: str) -> None:
        """A batch was halved because memory did not suffice."""
        self._of["atomlens_out_of_memory_total"][model,].inc()

    def worker_replaced(self) -> None:
        """A worker crashed and another took its place."""
        self._of["atomlens_workers_replaced_total"][()].inc()

    def stream_opened(self, kind: str) -> None:
        """A stream of this kind, explain or probe, is open."""
        self._of["atomlens_streams_open"][kind,].inc()

    def stream_closed(self, kind: str) -> None:
        """A stream of this kind ended, however it did."""
        self._of["atomlens_streams_open"][kind,].dec()

    def probed(self, points: int) -> None:
        """Points of a probe, one slab, were answered."""
        self._of["atomlens_probe_points_total"][()].inc(points)

    def model_state(self, model: str, version: int, state: str) -> None:
        """A version of a model is in this state now, one of STATES."""
        if state not in STATES:
            raise ValueError(f"`state` must be one of {', '.join(STATES)}, got {state!r}")
        self._states[model, str(version)] = state

    def model_gone(self, model: str, version: int) -> None:
        """A version of a model is in no state any more."""
        self._states.pop((model, str(version)), None)

    def model_loaded(self, succeeded: bool) -> None:
        """A version of a model was loaded, or was not."""
        self._of["atomlens_model_loads_total"][_outcome(succeeded),].inc()

    def reloaded(self, what: str, succeeded: bool) -> None:
        """Files, certificates or tokens, were read again, or could not be."""
        self._of["atomlens_reloads_total"][what, _outcome(succeeded)].inc()

    def log_lines_dropped(self, lines: int) -> None:
        """Lines of the log could not be written."""
        self._of["atomlens_log_lines_dropped_total"][()].inc(lines)

    def _model_states(self) -> dict[tuple[str, ...], float]:
        return {
            (*model, state): float(state == current)
            for model, current in tuple(self._states.items())
            for state in STATES
        }


class _Children(dict[tuple[str, ...], Any]):
    """What a metric counts for each combination of labels, found faster than the library finds it."""

    def __init__(self, metric: Metric, registry: CollectorRegistry) -> None:
        made: dict[str, Any] = {
            "counter": prometheus.Counter,
            "gauge": prometheus.Gauge,
            "histogram": prometheus.Histogram,
        }
        more = {"buckets": metric.buckets} if metric.buckets else {}
        self._family = made[metric.kind](metric.name, metric.help, metric.labels, registry=registry, **more)

    def __missing__(self, labels: tuple[str, ...]) -> Any:
        child = self[labels] = self._family.labels(*labels) if labels else self._family
        return child


def _outcome(succeeded: bool) -> str:
    return "succeeded" if succeeded else "failed"
