"""`ops.dashboard`."""

from __future__ import annotations

from typing import Any

import pytest

from atomlens.server.telemetry.table import METRICS
from ops.dashboard import ACROSS, dashboard
from tests.ops.promql import check

PANELS: list[dict[str, Any]] = dashboard()["panels"]
GRAPHS = [panel for panel in PANELS if panel["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in GRAPHS for target in panel["targets"]]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_graph_is_drawn_of_metrics_and_labels_that_there_are(expression: str) -> None:
    """Its expression is well-formed, too."""
    check(expression)


@pytest.mark.parametrize("name", [metric.name for metric in METRICS])
def test_every_metric_is_drawn(name: str) -> None:
    """A new one needs nobody to think of the dashboard."""
    assert any(name in expression for expression in EXPRESSIONS)


def test_panels_lie_side_by_side() -> None:
    """None covers another, none hangs over the edge, and each has a number of its own."""
    cells = [
        (x, y)
        for panel in PANELS
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert {x for x, _ in cells} == set(range(ACROSS))
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_titles_tell_graphs_apart() -> None:
    """And every graph has one."""
    titles = [panel["title"] for panel in PANELS]
    assert len(set(titles)) == len(titles)
    assert all(titles)


def test_every_graph_is_of_the_chosen_servers() -> None:
    """Whatever else is in the same Prometheus."""
    for expression in EXPRESSIONS:
        assert expression.count("atomlens_") <= expression.count('job=~"$job",instance=~"$instance"')
