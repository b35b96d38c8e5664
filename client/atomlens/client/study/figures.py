"""Figures: small charts, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atomlens.client.structure import Floats
from atomlens.client.study.statistics import Summary
from atomlens.client.svg import COLORS, STYLE

PANEL_INCHES = (3.4, 2.8)


def panels(count: int, columns: int = 3) -> tuple[Figure, list[Axes]]:
    """Return a figure with ``count`` charts in rows of at most ``columns``."""
    columns = min(count, columns)
    rows = -(-count // columns)
    with rc_context(STYLE):
        figure = Figure(figsize=(columns * PANEL_INCHES[0], rows * PANEL_INCHES[1]), layout="constrained")
        grid = np.atleast_1d(figure.subplots(rows, columns)).ravel().tolist()
    for unused in grid[count:]:
        unused.set_axis_off()
    return figure, grid[:count]


def scatter(axes: Axes, x: Floats, y: Floats, labels: tuple[str, str], title: str) -> None:
    """Draw a cloud of points, if any, as density where they would hide each other."""
    axes.set(xlabel=labels[0], ylabel=labels[1], title=title)
    if not x.size:
        return
    extent = (*_range(x), *_range(y))
    density = axes.hexbin(x, y, gridsize=60, bins="log", mincnt=1, cmap="viridis", extent=extent)
    density.set_rasterized(True)


def agreement(axes: Axes, x: Floats, y: Floats, labels: tuple[str, str], title: str) -> None:
    """Draw a cloud of points that should be equal in both, with the line where they are."""
    scatter(axes, x, y, labels, title)
    axes.axline((0.0, 0.0), slope=1.0, color="#888888", linewidth=0.8)


def histograms(axes: Axes, values: Mapping[Any, Floats], label: str, title: str) -> None:
    """Draw the distribution of each class, if any, as an outline of equal area."""
    axes.set(xlabel=label, yticks=[], title=title)
    if not values:
        return
    low, high = _range(np.concatenate(list(values.values())))
    edges = np.linspace(low, high, 80).tolist()
    for index, (name, numbers) in enumerate(values.items()):
        color, shown = COLORS[index % len(COLORS)], np.clip(numbers, low, high)
        axes.hist(shown, edges, density=True, histtype="stepfilled", color=color, alpha=0.25)
        axes.hist(shown, edges, density=True, histtype="step", color=color, label=f"{name} ({len(numbers)})")
    axes.legend(fontsize=6)


def boxes(axes: Axes, values: Mapping[str, Summary], label: str, title: str) -> None:
    """Draw classes one below the other, if any: a box of the middle half, whiskers from 5 to 95 per cent."""
    axes.set(xlabel=label, title=title)
    if not values:
        axes.set_yticks([])
        return
    by_mean = sorted(values.items(), key=lambda item: -item[1].mean)
    statistics = [
        dict(zip(("whislo", "q1", "med", "q3", "whishi"), one.quantiles, strict=True), label=name)
        for name, one in by_mean
    ]
    axes.bxp(
        statistics,
        orientation="horizontal",
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": COLORS[5], "linewidth": 0.6},
        medianprops={"color": COLORS[7]},
    )
    axes.tick_params(axis="y", labelsize=6)


def bars(axes: Axes, values: Mapping[str, Summary], label: str, title: str) -> None:
    """Draw means with their deviations, many classes side by side."""
    places = np.arange(len(values))
    means = [one.mean for one in values.values()]
    deviations = [one.deviation for one in values.values()]
    axes.errorbar(places, means, deviations, fmt="o", markersize=2.5, linewidth=0.7, color=COLORS[0])
    axes.set(ylabel=label, title=title, xlim=(-1, len(values)))
    axes.set_xticks(places, list(values), fontsize=5 if len(values) > 40 else 8)
    axes.tick_params(axis="x", length=0)


def _range(values: Floats) -> tuple[float, float]:
    """Return where all but a thousandth of the values at either end lie, with a margin."""
    low, high = np.quantile(values, [0.001, 0.999])
    margin = 0.05 * (high - low) or 1.0
    return float(low - margin), float(high + margin)
