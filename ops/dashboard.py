"""Dashboard: panels for Grafana, first what one asks first, then one panel for each metric of the table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

from atomlens.server.telemetry.table import SECTIONS, Metric
from ops.queries import CHOSEN, SPAN, Query, queries, summed

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH, HEIGHT, ACROSS = 8, 7, 24  # of panels, in cells of Grafana's grid
UNITS = {"": "short", "seconds": "s", "bytes": "bytes", "ratio": "percentunit", "timestamp_seconds": "s"}
PER_SECOND = "ops"


class Graph(NamedTuple):
    """A panel to be placed."""

    title: str
    unit: str
    queries: list[Query]


def _part(one: str, other: str) -> str:
    """Return the share that the first counter has of both."""
    first, second = (f"sum(rate({name}{CHOSEN}[{SPAN}]))" for name in (one, other))
    return f"{first} / ({first} + {second})"


def _mean(histogram: str, label: str) -> str:
    total, many = (summed(f"rate({histogram}_{part}{CHOSEN}[{SPAN}])", (label,)) for part in ("sum", "count"))
    return f"{total} / {many}"


FAILURES = f'sum(rate(atomlens_calls_total{{code!="OK",{CHOSEN[1:]}[{SPAN}]))'
FIRST = (
    Graph("Servers that are ready", "short", [Query(f"sum(atomlens_ready{CHOSEN})", "ready")]),
    Graph(
        "Calls that fail, of all",
        "percentunit",
        [Query(f"{FAILURES} / sum(rate(atomlens_calls_total{CHOSEN}[{SPAN}]))", "failed")],
    ),
    Graph(
        "How full the queue is",
        "percentunit",
        [Query(f"atomlens_queue_cost{CHOSEN} / atomlens_queue_cost_limit{CHOSEN}", "{{instance}}")],
    ),
    Graph(
        "How full batches are, on the average",
        "percentunit",
        [Query(_mean("atomlens_batch_fill_ratio", "model"), "{{model}}")],
    ),
    Graph(
        "Padding, of all that is computed",
        "percentunit",
        [Query(_part("atomlens_batch_padded_slots_total", "atomlens_batch_filled_slots_total"), "padding")],
    ),
    Graph(
        "Memory, of what may be used",
        "percentunit",
        [
            Query(
                f"process_resident_memory_bytes{CHOSEN} / on (job, instance) "
                f"atomlens_memory_limit_bytes{CHOSEN}",
                "{{instance}}",
            )
        ],
    ),
)


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    return {
        "uid": "atomlens",
        "title": "AtomLens",
        "tags": ["atomlens"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": list(_panels()),
    }


def _variables() -> list[dict[str, Any]]:
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return [
        source,
        _chooser("job", "atomlens_build_info"),
        _chooser("instance", 'atomlens_build_info{job=~"$job"}'),
    ]


def _chooser(label: str, series: str) -> dict[str, Any]:
    query = f"label_values({series}, {label})"
    return {
        "name": label,
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": label},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _panels() -> Iterator[dict[str, Any]]:
    """Yield rows and their panels, from top to bottom."""
    ids, top = count(1), 0
    for title, graphs in {"Overview": FIRST, **_sections()}.items():
        yield {
            "id": next(ids),
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": _at(0, top, ACROSS, 1),
        }
        for index, graph in enumerate(graphs):
            down, right = divmod(index * WIDTH, ACROSS)
            yield _panel(next(ids), graph, _at(right, top + 1 + HEIGHT * down, WIDTH, HEIGHT))
        top += 1 + HEIGHT * -(-len(graphs) * WIDTH // ACROSS)


def _sections() -> dict[str, tuple[Graph, ...]]:
    return {title: tuple(map(_graph, metrics)) for title, metrics in SECTIONS.items()}


def _graph(metric: Metric) -> Graph:
    unit = PER_SECOND if metric.kind == "counter" else UNITS[metric.unit]
    title = metric.help.removesuffix(".")
    if metric.unit == "timestamp_seconds":
        title = "Time until a certificate expires"
    return Graph(title, unit, queries(metric))


def _panel(number: int, graph: Graph, place: dict[str, int]) -> dict[str, Any]:
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": SOURCE,
            "expr": query.expression,
            "legendFormat": query.legend,
        }
        for index, query in enumerate(graph.queries)
    ]
    return {
        "id": number,
        "type": "timeseries",
        "title": graph.title,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": graph.unit, "min": 0}, "overrides": []},
        "targets": targets,
    }


def _at(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}
