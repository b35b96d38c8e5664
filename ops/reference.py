"""Reference: the list of metrics and alerts for those who read."""

from __future__ import annotations

from collections.abc import Iterator

from atomlens.server.telemetry.table import SECTIONS, Metric
from ops.alerts import ALERTS, RUNBOOK, Alert

HEAD = """# Metrics

Made by `make dashboards` of the table in `server/atomlens/server/telemetry/table.py`; do not edit.
`atomlens serve --metrics-address 0.0.0.0:9464` lets Prometheus ask for them. Cost is atoms + pairs within the
cutoff. Beside these there are `process_*` and `python_info` of the client library. `ops/grafana.json` is a
dashboard of all of them, `ops/alerts.yaml` has the alerts below, `ops/prometheus-rule.yaml` the same for the
Prometheus operator."""
KINDS = {"live": "gauge"}


def reference() -> str:
    """Return the document."""
    return "\n".join([HEAD, *_metrics(), "", *_alerts()]) + "\n"


def _metrics() -> Iterator[str]:
    for title, metrics in SECTIONS.items():
        yield from ("", f"## {title}", "", "| metric | kind | labels | what it tells |", "|---|---|---|---|")
        yield from map(_row, metrics)


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
    return f"| `{metric.name}` | {KINDS.get(metric.kind, metric.kind)} | {labels} | {metric.help} |"


def _alerts() -> Iterator[str]:
    yield from ("## Alerts", "", "| alert | when | for | severity |", "|---|---|---|---|")
    yield from map(_alert, ALERTS)


def _alert(alert: Alert) -> str:
    link = f"[{alert.name}]({RUNBOOK.removeprefix('docs/')}#{alert.anchor})"
    condition = alert.expression.replace("|", "\\|")
    return f"| {link} | `{condition}` | {alert.minutes} min | {alert.severity} |"
