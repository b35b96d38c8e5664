"""Coloring: ways to colour the atoms by what models say of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from atomlens.client.explanation import Explanation
from atomlens.client.frozen import Frozen
from atomlens.client.head import Head
from atomlens.client.report.element_means import ElementMean, expected
from atomlens.client.report.scale import Scale
from atomlens.client.structure import Floats
from atomlens.client.table import TITLES, words

CHARGE_UNIT = "e"
NO_CHARGE = "no charge"
MEAN_OF_ATOMS = "the mean of these atoms"
MEAN_OF_ELEMENT = "the mean of the atom's element in training"


@dataclass(frozen=True, slots=True, eq=False)
class Coloring(Frozen):
    """An atomic quantity with its scale; NaN for atoms without a colour."""

    key: str
    label: str  # on a button
    title: str  # in a table
    values: Floats  # (atoms,)
    scale: Scale
    is_averaged: bool = False  # whether the mean says more of it than the sum
    deviates_from: Floats | None = None  # (atoms,) what was learned, of a deviation


def colorings(explanation: Explanation, means: Sequence[ElementMean] = ()) -> list[Coloring]:
    """Return what the atoms of an explanation can be coloured by."""
    return [one for head in explanation.heads.values() for one in _of_head(head, explanation.symbols, means)]


def scale_of(unit: str, values: npt.ArrayLike, about: str, beyond: float = 0.0) -> Scale:
    """Return the scale of what models say: charges around nothing, anything else around its mean."""
    if unit == CHARGE_UNIT:
        return Scale.around("charge", unit, values, NO_CHARGE, 0.0, beyond)
    return Scale.around("energy", unit, values, about, None, beyond)


def charges_alike(scales: Sequence[Scale]) -> list[Scale]:
    """Return scales of which those of charges all reach as far as the farthest; others stay as they are."""
    reach = max((one.reach for one in scales if is_of_charges(one)), default=0.0)
    return [replace(one, reach=reach) if is_of_charges(one) else one for one in scales]


def is_of_charges(scale: Scale) -> bool:
    """Return whether a scale is of charges, not of how they differ from others."""
    return scale.about == NO_CHARGE


def _of_head(head: Head, symbols: Sequence[str], means: Sequence[ElementMean]) -> Iterator[Coloring]:
    """Yield what a head says, and how that differs from what its elements are like in training."""
    learned = next(part for part in (head.model, head.raw, head.contributions) if part is not None)
    shown = head.contributions if head.raw is not None else learned
    name, averaged = words(head.name), head.aggregation == "mean"
    label = "Learned energy" if head.name == "energy" else name.capitalize()
    scale = scale_of(head.unit, shown, MEAN_OF_ATOMS)
    yield Coloring(head.name, label, TITLES.get(head.plural, "learned"), shown, scale, averaged)
    deviations = learned - expected(means, head.name, symbols)
    if np.isfinite(deviations).any():
        around = Scale.around(scale.palette, head.unit, deviations, MEAN_OF_ELEMENT, 0.0)
        label = f"{name.capitalize()} vs. element"
        yield Coloring(f"{head.name}_deviation", label, "vs. element", deviations, around, averaged, learned)
