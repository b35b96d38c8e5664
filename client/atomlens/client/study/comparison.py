"""Comparison: two models of one head, atom by atom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np

from atomlens.client.elements import SYMBOLS
from atomlens.client.structure import Floats
from atomlens.client.study.answers import Answers
from atomlens.client.study.figures import agreement, panels
from atomlens.client.study.sample import Integers
from atomlens.client.study.section import Drawing, Section, TextTable
from atomlens.client.study.statistics import pearson, spearman
from atomlens.client.svg import svg

EVERY = "all"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two lists of atomic quantities go together, over all atoms or over those of one element."""

    first: str
    second: str
    source: str
    atoms_of: str  # "all", or the symbol of an element
    which: str  # structures, in words
    unit: str
    atoms: int
    pearson: float
    spearman: float
    difference: float  # mean absolute


def agreements(
    names: tuple[str, str], source: str, which: str, unit: str, numbers: Integers, pair: tuple[Floats, Floats]
) -> Iterator[Agreement]:
    """Yield the agreement over all atoms and over each element that has three atoms at least.

    Args:
        names: what is compared.
        source: of the structures.
        which: of its structures, in words.
        unit: of both quantities.
        numbers: atomic numbers (atoms,).
        pair: the two quantities, (atoms,) each; atoms that are NaN in one are left out.
    """
    first, second = pair
    both = np.isfinite(first) & np.isfinite(second)
    kinds = [(EVERY, both)] + [(SYMBOLS[z], both & (numbers == z)) for z in np.unique(numbers).tolist()]
    for name, chosen in kinds:
        x, y = first[chosen], second[chosen]
        if len(x) > 2:
            difference = float(np.abs(x - y).mean())
            yield Agreement(
                *names, source, name, which, unit, len(x), pearson(x, y), spearman(x, y), difference
            )


def agreement_table(rows: Sequence[Agreement]) -> TextTable:
    """Return a table of agreements."""
    header = (
        "first",
        "second",
        "structures",
        "atoms",
        "number",
        "Spearman",
        "Pearson",
        "mean absolute difference",
    )
    cells = (
        (
            row.first,
            row.second,
            f"{row.which} of {row.source}",
            row.atoms_of,
            str(row.atoms),
            f"{row.spearman:.3f}",
            f"{row.pearson:.3f}",
            f"{row.difference:.3g} {row.unit}",
        )
        for row in rows
    )
    return TextTable(header, tuple(cells))


def comparison_section(answers: Sequence[Answers]) -> Section | None:
    """Return the section that compares every two models that share a head and a sample; None without any."""
    pairs = [
        (one, other)
        for one, other in combinations(answers, 2)
        if one.head == other.head and one.sample is other.sample
    ]
    if not pairs:
        return None
    rows: list[Agreement] = []
    figure, charts = panels(len(pairs))
    for axes, (one, other) in zip(charts, pairs, strict=True):
        names, values = (one.model, other.model), (one.contributions, other.contributions)
        sample = one.sample
        rows += agreements(names, sample.source, sample.part, one.unit, sample.numbers, values)
        both = np.isfinite(values[0]) & np.isfinite(values[1])
        labels = (f"{one.model} / {one.unit}", f"{other.model} / {other.unit}")
        agreement(axes, values[0][both], values[1][both], labels, f"{one.head}, each atom")
    sentence = (
        "Two networks that learned one property need not split it alike: what they agree on is more likely "
        "chemistry, what they differ in is their own choice."
    )
    return Section(
        "comparisons",
        "Model against model, atom by atom",
        (sentence,),
        (agreement_table(rows),),
        (Drawing(svg(figure)),),
        [asdict(row) for row in rows],
    )
