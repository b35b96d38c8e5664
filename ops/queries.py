"""Queries: a metric of the table as PromQL that a graph is drawn of."""

from __future__ import annotations

from typing import NamedTuple

from atomlens.server.telemetry.table import Metric

CHOSEN = '{job=~"$job",instance=~"$instance"}'  # what the dashboard is set to
SPAN = "$__rate_interval"
QUANTILES = (0.5, 0.95, 0.99)


class Query(NamedTuple):
    """An expression and the name of its lines."""

    expression: str
    legend: str


def queries(metric: Metric) -> list[Query]:
    """Return what is drawn of a metric: rates of counters, quantiles of histograms, gauges as they are."""
    if metric.kind == "histogram":
        return [_quantile(metric, quantile) for quantile in QUANTILES]
    if metric.kind == "counter":
        return [Query(summed(f"rate({metric.name}{CHOSEN}[{SPAN}])", metric.labels), _legend(metric.labels))]
    if metric.unit == "timestamp_seconds":
        return [Query(f"{metric.name}{CHOSEN} - time()", _legend((*metric.labels, "instance")))]
    return [Query(summed(f"{metric.name}{CHOSEN}", metric.labels), _legend(metric.labels))]


def summed(expression: str, labels: tuple[str, ...]) -> str:
    """Return an expression added up over all servers, apart for each combination of labels."""
    return f"sum by ({', '.join(labels)}) ({expression})" if labels else f"sum({expression})"


def _quantile(metric: Metric, quantile: float) -> Query:
    rates = summed(f"rate({metric.name}_bucket{CHOSEN}[{SPAN}])", ("le", *metric.labels))
    return Query(
        f"histogram_quantile({quantile}, {rates})", f"{100 * quantile:g} % {_legend(metric.labels)}".strip()
    )


def _legend(labels: tuple[str, ...]) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in labels) or "all"
