"""`atomlens.client.study.figures`."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.client.study.figures import agreement, bars, boxes, histograms, panels, scatter
from atomlens.client.study.statistics import summary

VALUES = np.random.default_rng(0).normal(size=500)


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (3, 1, 3), (4, 2, 3), (7, 3, 3)])
def test_panels_stand_in_rows(count: int, rows: int, columns: int) -> None:
    """What is left over of the last row is empty."""
    figure, charts = panels(count)
    assert len(charts) == count
    grid = charts[0].get_gridspec()
    assert grid is not None
    assert grid.get_geometry() == (rows, columns)
    assert sum(axes.axison for axes in figure.axes) == count


def test_clouds_count_every_point() -> None:
    """Also those far outside of where most are, and clouds of one point."""
    _, (left, right) = panels(2)
    scatter(left, VALUES, VALUES**2, ("x", "y"), "cloud")
    agreement(right, np.ones(1), np.ones(1), ("x", "y"), "point")
    assert (left.get_xlabel(), left.get_ylabel(), left.get_title()) == ("x", "y", "cloud")
    counts = right.collections[0].get_array()
    assert counts is not None
    assert float(np.sum(counts)) == 1.0


def test_histograms_have_an_outline_for_each_class() -> None:
    """A class outside the common range is drawn at its end, not left out."""
    _, (axes,) = panels(1)
    histograms(axes, {"many": VALUES, "one": np.array([1e3])}, "eV", "energies")
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["many (500)", "one (1)"]


def test_boxes_stand_in_the_order_of_their_means() -> None:
    """The lowest is on top; without classes the chart is empty."""
    _, (axes, empty) = panels(2)
    boxes(axes, {"low": summary(VALUES - 5), "high": summary(VALUES + 5)}, "eV", "energies")
    boxes(empty, {}, "eV", "nothing")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["high", "low"]
    assert empty.get_title() == "nothing"


def test_bars_have_a_name_each() -> None:
    """With deviations around means."""
    _, (axes,) = panels(1)
    bars(axes, {"H": summary(VALUES), "He": summary(VALUES + 1)}, "eV", "elements")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["H", "He"]


def test_charts_of_nothing_are_empty() -> None:
    """They keep their titles, as where no atom has an environment or no charge a reference."""
    _, (cloud, outline) = panels(2)
    agreement(cloud, np.empty(0), np.empty(0), ("x", "y"), "no points")
    histograms(outline, {}, "eV", "no classes")
    assert not cloud.collections
    assert not outline.patches
    assert (cloud.get_title(), outline.get_title()) == ("no points", "no classes")
