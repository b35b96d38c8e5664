"""`ops.queries`."""

from __future__ import annotations

import pytest

from atomlens.server.telemetry.table import Kind, Metric, Unit
from ops.queries import Query, queries

CHOSEN = '{job=~"$job",instance=~"$instance"}'


@pytest.mark.parametrize(
    ("kind", "name", "labels", "unit", "expected"),
    [
        (
            "counter",
            "atomlens_x_total",
            ("model",),
            "",
            Query(f"sum by (model) (rate(atomlens_x_total{CHOSEN}[$__rate_interval]))", "{{model}}"),
        ),
        ("live", "atomlens_x", (), "", Query(f"sum(atomlens_x{CHOSEN})", "all")),
        ("gauge", "atomlens_x", ("a", "b"), "", Query(f"sum by (a, b) (atomlens_x{CHOSEN})", "{{a}} {{b}}")),
        (
            "live",
            "atomlens_x_timestamp_seconds",
            ("certificate",),
            "timestamp_seconds",
            Query(f"atomlens_x_timestamp_seconds{CHOSEN} - time()", "{{certificate}} {{instance}}"),
        ),
    ],
)
def test_what_is_drawn_depends_on_the_kind(
    kind: Kind, name: str, labels: tuple[str, ...], unit: Unit, expected: Query
) -> None:
    """Counters by their rate, gauges as they are, points in time by what is left until then."""
    assert queries(Metric(name, kind, "Help.", labels, unit)) == [expected]


def test_of_a_histogram_three_quantiles_are_drawn() -> None:
    """The middle, and what few and very few exceed."""
    metric = Metric("atomlens_x_seconds", "histogram", "Help.", ("method",), "seconds", (1.0,))
    rates = f"sum by (le, method) (rate(atomlens_x_seconds_bucket{CHOSEN}[$__rate_interval]))"
    assert queries(metric) == [
        Query(f"histogram_quantile(0.5, {rates})", "50 % {{method}}"),
        Query(f"histogram_quantile(0.95, {rates})", "95 % {{method}}"),
        Query(f"histogram_quantile(0.99, {rates})", "99 % {{method}}"),
    ]
