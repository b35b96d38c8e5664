"""`atomlens.server.telemetry.table`."""

from __future__ import annotations

from typing import Any

import pytest

from atomlens.server.telemetry.table import METRICS, Metric

NEVER = {"id", "request_id", "structure", "structures", "client", "digest", "peer"}  # unbounded


def test_every_metric_has_a_name_of_its_own() -> None:
    """And a sentence that says what it is."""
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.help[0].isupper() or metric.help[0].isdigit(), metric.name
        assert metric.help.endswith("."), metric.name


def test_labels_have_few_values() -> None:
    """No metric has one series for each structure, request or client."""
    for metric in METRICS:
        assert len(metric.labels) <= 3
        assert not NEVER & set(metric.labels)


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (("calls_total", "counter", "H."), "calls_total must begin with atomlens_"),
        (("atomlens_calls", "counter", "H."), "atomlens_calls: counters, and no others, end in _total"),
        (("atomlens_x_total", "gauge", "H."), "atomlens_x_total: counters, and no others, end in _total"),
        (("atomlens_wait", "gauge", "H.", (), "seconds"), "atomlens_wait must name its unit, seconds"),
        (("atomlens_x", "histogram", "H."), "atomlens_x: histograms, and no others, have buckets"),
        (("atomlens_x", "gauge", "H.", (), "", (1.0,)), "histograms, and no others, have buckets"),
    ],
)
def test_names_keep_the_rules_of_prometheus(metric: tuple[Any, ...], message: str) -> None:
    """A metric that does not cannot be declared."""
    with pytest.raises(ValueError, match=message):
        Metric(*metric)
