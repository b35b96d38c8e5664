"""Table: every metric of the server, declared once; the server, the dashboard and the alerts read it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Literal

Kind = Literal["counter", "gauge", "histogram", "live"]  # live: a gauge that is read when it is asked for
Unit = Literal["", "seconds", "bytes", "ratio", "timestamp_seconds"]

LATENCIES = (
    0.0005,
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    30.0,
    120.0,
    600.0,
)
SIZES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)
RATIOS = (0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. Labels have few values each: names of methods, models, reasons; never ids of anything."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    unit: Unit = ""
    buckets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.startswith("atomlens_"):
            raise ValueError(f"{self.name} must begin with atomlens_")
        if (self.kind == "counter") != self.name.endswith("_total"):
            raise ValueError(f"{self.name}: counters, and no others, end in _total")
        if self.unit and not self.name.removesuffix("_total").endswith(f"_{self.unit}"):
            raise ValueError(f"{self.name} must name its unit, {self.unit}")
        if (self.kind == "histogram") != bool(self.buckets):
            raise ValueError(f"{self.name}: histograms, and no others, have buckets")


SECTIONS: dict[str, tuple[Metric, ...]] = {
    "Calls": (
        Metric(
            "atomlens_calls_total", "counter", "Calls that ended, by gRPC status code.", ("method", "code")
        ),
        Metric(
            "atomlens_call_failures_total", "counter", "Calls that ended with an error.", ("method", "reason")
        ),
        Metric(
            "atomlens_call_seconds",
            "histogram",
            "Time from the door to the end of a call.",
            ("method",),
            "seconds",
            LATENCIES,
        ),
        Metric("atomlens_calls_in_progress", "live", "Calls that are being answered.", ("method",)),
        Metric("atomlens_structures_total", "counter", "Structures that were answered.", ("model",)),
        Metric(
            "atomlens_structure_failures_total",
            "counter",
            "Structures that failed alone, in calls that went on.",
            ("reason",),
        ),
    ),
    "Queue": (
        Metric("atomlens_queue_atoms", "live", "Atoms of the work that waits.", ("priority",)),
        Metric(
            "atomlens_queue_pairs", "live", "Pairs within the cutoff of the work that waits.", ("priority",)
        ),
        Metric("atomlens_queue_jobs", "live", "Pieces of work that wait.", ("priority",)),
        Metric("atomlens_queue_cost", "live", "Cost of all work that waits: atoms + pairs."),
        Metric("atomlens_queue_cost_limit", "live", "Cost of waiting work beyond which calls are refused."),
        Metric(
            "atomlens_queue_seconds",
            "histogram",
            "Time that work waited before it was computed.",
            ("priority",),
            "seconds",
            LATENCIES,
        ),
        Metric(
            "atomlens_work_refused_total",
            "counter",
            "Pieces of work that were not let into the queue.",
            ("reason",),
        ),
        Metric(
            "atomlens_work_dropped_total",
            "counter",
            "Pieces of work that left the queue because nobody waited any more.",
            ("reason",),
        ),
    ),
    "Batches": (
        Metric(
            "atomlens_batch_structures",
            "histogram",
            "Structures that were computed together.",
            ("model",),
            buckets=SIZES,
        ),
        Metric(
            "atomlens_batch_fill_ratio",
            "histogram",
            "Cost of a batch over the cost at which one is closed.",
            ("model",),
            "ratio",
            RATIOS,
        ),
        Metric("atomlens_batch_cost_total", "counter", "Cost that was computed: atoms + pairs.", ("model",)),
        Metric(
            "atomlens_batch_filled_slots_total",
            "counter",
            "Slots of batches that held something.",
            ("model",),
        ),
        Metric(
            "atomlens_batch_padded_slots_total",
            "counter",
            "Slots of batches that were empty and computed for nothing.",
            ("model",),
        ),
        Metric(
            "atomlens_inference_seconds",
            "histogram",
            "Time that a batch took to compute.",
            ("model",),
            "seconds",
            LATENCIES,
        ),
        Metric(
            "atomlens_out_of_memory_total",
            "counter",
            "Batches halved because memory did not suffice.",
            ("model",),
        ),
        Metric("atomlens_workers", "live", "Batches that can be computed at once."),
        Metric("atomlens_workers_idle", "live", "Workers with nothing to do."),
        Metric("atomlens_workers_replaced_total", "counter", "Workers that crashed and were replaced."),
    ),
    "Streams and probes": (
        Metric("atomlens_streams_open", "gauge", "Streams that are open.", ("kind",)),
        Metric(
            "atomlens_streams_limit",
            "live",
            "Streams that may be open at once; of kind all, together.",
            ("kind",),
        ),
        Metric("atomlens_probe_points_total", "counter", "Points of probes that were answered."),
    ),
    "Models": (
        Metric(
            "atomlens_model_state",
            "live",
            "1 for the state that a version of a model is in, 0 for the others.",
            ("model", "version", "state"),
        ),
        Metric(
            "atomlens_model_loads_total", "counter", "Versions that were loaded or were not.", ("outcome",)
        ),
        Metric(
            "atomlens_repository_unseen_seconds",
            "live",
            "Time since the repository was last seen whole.",
            (),
            "seconds",
        ),
    ),
    "Memory": (
        Metric("atomlens_memory_limit_bytes", "live", "Memory that the container may use.", (), "bytes"),
        Metric("atomlens_context_cache_bytes", "live", "Memory for what probes feel.", (), "bytes"),
    ),
    "Server": (
        Metric("atomlens_ready", "live", "1 while the server says that it is ready."),
        Metric("atomlens_build_info", "live", "1, labelled with what is running.", ("version", "provider")),
        Metric(
            "atomlens_certificate_expiry_timestamp_seconds",
            "live",
            "When a certificate expires, in seconds since 1970.",
            ("certificate",),
            "timestamp_seconds",
        ),
        Metric(
            "atomlens_reloads_total",
            "counter",
            "Files that were read again while serving.",
            ("what", "outcome"),
        ),
        Metric("atomlens_log_lines_dropped_total", "counter", "Lines of the log that could not be written."),
    ),
}
METRICS = tuple(chain.from_iterable(SECTIONS.values()))
