"""Element means: what the contributions of each element are like in training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from atomlens.client.card import Card
from atomlens.client.elements import SYMBOLS
from atomlens.client.structure import Floats


@dataclass(frozen=True, slots=True)
class ElementMean:
    """Mean and deviation of what a head's network says of the atoms of one element, in the head's unit."""

    head: str
    element: str  # symbol
    mean: float
    deviation: float
    atoms: int


def of_card(card: Card) -> Iterator[ElementMean]:
    """Yield the statistics that a model's card has."""
    for row in card.document.get("contributions", []):
        yield ElementMean(
            row["head"],
            SYMBOLS[row["number"]],
            row.get("mean", 0.0),
            row.get("deviation", 0.0),
            int(row.get("atoms", 0)),
        )


def expected(means: Iterable[ElementMean], head: str, symbols: Iterable[str]) -> Floats:
    """Return the mean of each atom's element, NaN where there is none: (atoms,)."""
    known = {one.element: one.mean for one in means if one.head == head and one.atoms}
    return np.array([known.get(symbol, np.nan) for symbol in symbols], np.float64)
