"""Embedding figure: the elements in the plane of two principal components, beside their cosines."""

from __future__ import annotations

from itertools import chain, zip_longest
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from atomlens.client.embedding.label_layout import place_labels
from atomlens.client.embedding.periodicity import MIN_ATOMS
from atomlens.client.embedding.table import title
from atomlens.client.embedding.vectors import Embedding
from atomlens.client.structure import Floats
from atomlens.client.svg import COLORS

INCHES = (15.0, 8.0)
PLANE_BOX = (0.045, 0.16, 0.45, 0.76)  # left, bottom, width, height in parts of the figure
MATRIX_BOX = (0.54, 0.11, 0.432, 0.81)
BAR_BOX = (0.56, 0.055, 0.39, 0.016)
POINTS_PER_INCH = 72
RADIUS = 3.6  # of marks, in points
TEXT = 7.5  # in points
FAINT = "#9a9a9a"
SHADES = (*COLORS[:5], COLORS[7])  # of the groups in a block
LEAST_LIMIT = 0.5  # of the cosines' scale: random rows of 64 features reach 0.3


class Mark(NamedTuple):
    """How the elements of a family look."""

    color: str
    shape: str


def _marks() -> dict[str, Mark]:
    """Return a mark for each family: a shape for each block, two for the d block, and colours within it."""
    shapes = {"o": range(1, 3), "s": range(3, 8), "D": range(8, 13), "^": range(13, 19)}
    marks = {
        str(group): Mark(color, shape)
        for shape, groups in shapes.items()
        for group, color in zip(groups, SHADES, strict=False)
    }
    return marks | {"lanthanides": Mark(COLORS[5], "P"), "actinides": Mark(COLORS[3], "X")}


MARKS = _marks()


def figure(embedding: Embedding) -> Figure:
    """Return a figure of an embedding.

    Colour and shape of a mark tell the group; hollow marks are elements that training hardly saw.
    """
    drawn = Figure(figsize=INCHES)
    drawn.suptitle(title(embedding), x=PLANE_BOX[0], y=0.98, ha="left", fontsize=13)
    draw_plane(drawn.add_axes(PLANE_BOX), embedding)
    matrix = drawn.add_axes(MATRIX_BOX)
    draw_cosines(matrix, embedding)
    bar = drawn.colorbar(matrix.images[0], drawn.add_axes(BAR_BOX), orientation="horizontal")
    bar.ax.tick_params(labelsize=7)
    return drawn


def draw_plane(axes: Axes, embedding: Embedding) -> None:
    """Draw each element at its scores of the first two components, both on one scale, with its symbol."""
    points = embedding.plane()
    center, scale = _view(axes, points)  # scale: of the embedding's unit in points
    seen = _seen(embedding)
    for place, family in enumerate(embedding.families):
        mark = MARKS[family]
        face, edge = (mark.color, "white") if seen[place] else ("none", mark.color)
        (drawn,) = axes.plot(*points[place], mark.shape, markersize=2 * RADIUS, zorder=2)
        drawn.set(markerfacecolor=face, markeredgecolor=edge, markeredgewidth=0.5 if seen[place] else 1.0)
    _label(axes, embedding.symbols, points, center, scale)
    ratios = [*embedding.variance_ratios[:2].tolist(), 0.0, 0.0]
    axes.set_xlabel(f"PC1, {100 * ratios[0]:.1f} % of the variance")
    axes.set_ylabel(f"PC2, {100 * ratios[1]:.1f} % of the variance")
    axes.spines[["top", "right"]].set_visible(False)
    _legend(axes, embedding, hollow=not seen.all())


def draw_cosines(axes: Axes, embedding: Embedding) -> None:
    """Draw the cosines between all elements, ordered by group and within it by period."""
    families, symbols = embedding.families, embedding.symbols
    known = list(MARKS)
    order = sorted(range(len(embedding)), key=lambda place: (known.index(families[place]), place))
    cosines = embedding.cosines[np.ix_(order, order)]
    apart = ~np.eye(len(order), dtype=np.bool_)
    limit = np.abs(cosines[apart]).max(initial=LEAST_LIMIT)
    axes.imshow(cosines, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="none")
    axes.set_title("cosines of the rows, by group", fontsize=10, pad=16)
    axes.set(xticks=[], yticks=[])
    pitch = POINTS_PER_INCH * INCHES[1] * MATRIX_BOX[3] / len(order)  # points from row to row
    size = min(max(1.25 * pitch, 3.0), 9.0)
    for row, place in enumerate(order):
        away = 3.0 + 2.0 * size * (row % 2 if pitch < size + 2 else 0)  # two columns where rows are narrow
        _beside(axes, symbols[place], (-0.5, row), (-away, 0.0), size, "right", "center")
    _bands(axes, [families[place] for place in order])


def _view(axes: Axes, points: Floats) -> tuple[Floats, float]:
    """Set limits around the points, a length being as long in both directions; return centre and scale."""
    box = axes.get_position()
    inches = np.array([box.width * INCHES[0], box.height * INCHES[1]])
    low, high = points.min(axis=0), points.max(axis=0)
    unit = float(((high - low) / inches).max()) * 1.12 or 1.0  # of the embedding in an inch
    center = (low + high) / 2
    (left, bottom), (right, top) = center - unit * inches / 2, center + unit * inches / 2
    axes.set(xlim=(left, right), ylim=(bottom, top))
    return center, POINTS_PER_INCH / unit


def _label(axes: Axes, symbols: list[str], points: Floats, center: Floats, scale: float) -> None:
    """Write symbols beside their points, with a line where one had to go further away."""
    marks = (points - center) * scale  # in points about the centre
    sizes = np.array([[0.7 * TEXT * len(symbol) + 2, 1.05 * TEXT] for symbol in symbols])
    edges = np.array([axes.get_xlim(), axes.get_ylim()]).T  # (ends, axes)
    lower, upper = (edges - center) * scale
    texts = place_labels(marks, sizes, RADIUS, lower, upper)
    for symbol, mark, text, size in zip(symbols, marks, texts, sizes, strict=True):
        if np.linalg.norm(text - mark) > RADIUS + size.max():
            (start, stop) = center + mark / scale, center + text / scale
            axes.plot(*zip(start, stop, strict=True), color=FAINT, linewidth=0.5, zorder=1)
        x, y = center + text / scale
        axes.text(x, y, symbol, fontsize=TEXT, ha="center", va="center", zorder=3)


def _legend(axes: Axes, embedding: Embedding, hollow: bool) -> None:
    present = set(embedding.families)
    handles = [
        Line2D([], [], linestyle="", marker=mark.shape, color=mark.color, markersize=2 * RADIUS, label=family)
        for family, mark in MARKS.items()
        if family in present
    ]
    columns = -(-len(handles) // 2)  # legends are filled by column, and are to be read in two rows
    rows = zip_longest(handles[:columns], handles[columns:])
    axes.legend(
        handles=[handle for handle in chain.from_iterable(rows) if handle],
        title="group" + (f"; hollow: fewer than {MIN_ATOMS} atoms in training" if hollow else ""),
        title_fontsize=8,
        alignment="left",
        ncols=columns,
        loc="upper left",
        bbox_to_anchor=(-0.02, -0.075),
        frameon=False,
        fontsize=8,
        handletextpad=0.1,
        columnspacing=1.2,
    )


def _bands(axes: Axes, families: list[str]) -> None:
    """Name the groups above the matrix and draw lines between them."""
    for family in dict.fromkeys(families):
        first, count = families.index(family), families.count(family)
        name = {"lanthanides": "Ln", "actinides": "An"}.get(family, family)
        _beside(axes, name, (first + (count - 1) / 2, -0.5), (0.0, 3.0), 7.0, "center", "bottom")
        for line in (axes.axhline, axes.axvline):
            line(first - 0.5, color="white", linewidth=0.6)


def _beside(
    axes: Axes,
    text: str,
    place: tuple[float, float],
    offset: tuple[float, float],
    size: float,
    horizontal: Literal["center", "right"],
    vertical: Literal["center", "bottom"],
) -> None:
    """Write a text at an offset in points from a place in the matrix."""
    axes.annotate(text, place, offset, textcoords="offset points", fontsize=size, ha=horizontal, va=vertical)


def _seen(embedding: Embedding) -> npt.NDArray[np.bool_]:
    """Return which elements were seen often enough in training for their rows to tell something."""
    atoms = embedding.training_atoms
    return np.ones(len(embedding), np.bool_) if atoms is None else atoms >= MIN_ATOMS
