"""Embedding table: an embedding as people read it, and as columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atomlens.client.embedding.vectors import Embedding

HEADER = ("element", "group", "period", "training atoms", "PC1", "PC2", "nearest by cosine")
NUMBERS = slice(1, 6)  # the columns that are numbers
RATIOS = 5  # components whose variance is told


def text(embedding: Embedding) -> str:
    """Return a title, a line for each element and the variance of the first components."""
    lines = [HEADER, *rows(embedding)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = ["  ".join(_aligned(line, widths)).rstrip() for line in lines]
    return "\n".join([title(embedding), "", *table, "", variance(embedding)])


def title(embedding: Embedding) -> str:
    """Return the model and the shape of its embedding in words."""
    elements, features = embedding.rows.shape
    model = embedding.model
    return f"{model} ({model.digest[:12]}), {elements} element{'s' * (elements != 1)}, {features} features"


def rows(embedding: Embedding) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each element, in the order of `HEADER`."""
    atoms = embedding.training_atoms
    counts = ["?"] * len(embedding) if atoms is None else [f"{count:,}" for count in atoms.tolist()]
    plane, shown = embedding.plane(), embedding.scores.shape[1]
    families, near = embedding.families, embedding.nearest()
    for place, symbol in enumerate(embedding.symbols):
        scores = [f"{score:.3f}" if axis < shown else "-" for axis, score in enumerate(plane[place].tolist())]
        group, nearest = families[place].removesuffix("s"), " ".join(near[place]) or "-"
        yield symbol, group, str(embedding.periods[place]), counts[place], *scores, nearest


def variance(embedding: Embedding) -> str:
    """Return how much of the variance the first components hold, as a sentence."""
    ratios = embedding.variance_ratios[:RATIOS].tolist()
    if not ratios:
        return "Variance: none, there is one row or all rows are equal."
    shares = ", ".join(f"PC{place} {100 * ratio:.1f} %" for place, ratio in enumerate(ratios, 1))
    return f"Variance: {shares} of {len(embedding.variance_ratios)} components."


def columns(embedding: Embedding) -> dict[str, Any]:
    """Return every quantity of an element by name: place, training atoms, all scores and all features."""
    count = embedding.training_atoms
    table: dict[str, Any] = {
        "element": embedding.symbols,
        "number": embedding.numbers.tolist(),
        "group": embedding.groups.tolist(),
        "period": embedding.periods.tolist(),
        "training_atoms": [None] * len(embedding) if count is None else count.tolist(),
        "nearest": [" ".join(symbols) for symbols in embedding.nearest()],
    }
    table |= {f"pc{place}": scores for place, scores in enumerate(embedding.scores.T.tolist(), 1)}
    return table | {f"feature{place}": values for place, values in enumerate(embedding.rows.T.tolist())}


def _aligned(line: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    for place, (cell, width) in enumerate(zip(line, widths, strict=True)):
        yield cell.rjust(width) if place in range(*NUMBERS.indices(len(line))) else cell.ljust(width)
