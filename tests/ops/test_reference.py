"""`ops.reference`."""

from __future__ import annotations

from atomlens.server.telemetry.table import METRICS
from ops.alerts import ALERTS
from ops.reference import reference


def test_every_metric_and_every_alert_has_one_line() -> None:
    """With what it tells, and where it is explained what to do."""
    lines = reference().splitlines()
    for metric in METRICS:
        (line,) = [line for line in lines if line.startswith(f"| `{metric.name}` |")]
        assert line.endswith(f"| {metric.help} |")
        assert all(f"`{label}`" in line for label in metric.labels)
    for alert in ALERTS:
        assert sum(f"| [{alert.name}](operations.md#{alert.anchor}) |" in line for line in lines) == 1


def test_tables_have_as_many_columns_as_their_heads() -> None:
    """A sign of PromQL, |, ends no cell."""
    rows = [line.replace("\\|", "").count("|") for line in reference().splitlines() if line.startswith("|")]
    assert set(rows) == {5}
