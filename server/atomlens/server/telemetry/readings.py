"""Readings: how the live metrics of a server are read from its parts."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import version

from atomlens.server.async_engine import AsyncEngine
from atomlens.server.calls import Priority
from atomlens.server.container import memory_limit
from atomlens.server.security.security import Security
from atomlens.server.settings import ServerSettings
from atomlens.server.telemetry.metrics import Metrics

Read = Callable[[], float]
Values = dict[tuple[str, ...], float]


def read_server(metrics: Metrics, settings: ServerSettings, security: Security, is_ready: Read) -> None:
    """Have the metrics of a server read that do not depend on its engine."""
    metrics.live("atomlens_ready", is_ready)
    build: Values = {(version("atomlens"), settings.provider): 1.0}
    metrics.live("atomlens_build_info", lambda: build)
    metrics.live("atomlens_queue_cost_limit", lambda: settings.max_queue_cost)
    streams: Values = {("all",): float(settings.max_streams), ("probe",): float(settings.probe_streams)}
    metrics.live("atomlens_streams_limit", lambda: streams)
    limit = memory_limit()
    if limit is not None:
        metrics.live("atomlens_memory_limit_bytes", lambda: limit)
    tls = security.tls
    if tls is not None:
        metrics.live(
            "atomlens_certificate_expiry_timestamp_seconds",
            lambda: {("server",): time.time() + tls.seconds_left()},
        )


def read_engine(metrics: Metrics, engine: AsyncEngine) -> None:
    """Have the metrics of an engine read: its queue, its workers and its memory."""
    batcher = engine.batcher

    def each(read: Callable[[Priority], float]) -> Callable[[], Values]:
        return lambda: {(priority.name.lower(),): read(priority) for priority in Priority}

    def pairs(priority: Priority) -> float:
        waiting = batcher.waiting(priority)
        return waiting.cost - waiting.atoms

    metrics.live("atomlens_queue_jobs", each(lambda priority: batcher.waiting(priority).jobs))
    metrics.live("atomlens_queue_atoms", each(lambda priority: batcher.waiting(priority).atoms))
    metrics.live("atomlens_queue_pairs", each(pairs))
    metrics.live("atomlens_queue_cost", lambda: sum(batcher.waiting(priority).cost for priority in Priority))
    metrics.live("atomlens_workers", lambda: batcher.workers)
    metrics.live("atomlens_workers_idle", lambda: batcher.idle_workers)
    metrics.live("atomlens_context_cache_bytes", lambda: engine.context_bytes)
    metrics.live("atomlens_repository_unseen_seconds", lambda: engine.repository.unseen_seconds)
