"""Contributions: how what a model says of atoms is distributed over elements and their environments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from atomlens.client.elements import SYMBOLS
from atomlens.client.study.answers import Answers
from atomlens.client.study.environments import UNKNOWN, Environments
from atomlens.client.study.figures import bars, boxes, histograms, panels
from atomlens.client.study.sample import Bools, Sample
from atomlens.client.study.section import Drawing, Section, TextTable
from atomlens.client.study.statistics import Summary, summary
from atomlens.client.svg import svg

FEW_ELEMENTS = 6  # up to here each element gets its own charts
FEWEST = 10  # atoms of a class that is drawn


@dataclass(frozen=True, slots=True)
class Distribution:
    """The contributions of one class of atoms."""

    model: str
    head: str
    source: str
    element: str
    by: Literal["element", "hybridisation", "environment"]
    atoms_of: str  # the class
    unit: str
    values: Summary


def distributions(answers: Answers, environments: Environments | None) -> Iterator[Distribution]:
    """Yield the distributions of each element, of its hybridisations and of its environments."""
    for element, mine in elements(answers):
        yield _distribution(answers, element, "element", element, mine)
        if environments is not None:
            for name, chosen in _classes(environments.hybridisation, mine).items():
                yield _distribution(answers, element, "hybridisation", name, chosen)
            for name, chosen in _classes(environments.environment, mine).items():
                yield _distribution(answers, element, "environment", name, chosen)


def contribution_section(answers: Sequence[Answers], known: Mapping[Sample, Environments]) -> Section:
    """Return the section of all distributions, by environments in the samples where these are known."""
    rows = [row for one in answers for row in distributions(one, known.get(one.sample))]
    drawings = [drawing for one in answers for drawing in _drawings(one, known.get(one.sample))]
    sentences = (
        "Energies are those the network learned, without the energies of free atoms; charges are those after "
        "neutrality. Boxes hold the middle half of the atoms, whiskers all but a twentieth at either end.",
    )
    title = "Contributions of each element and environment"
    return Section(
        "contributions", title, sentences, (_table(rows),), tuple(drawings), [asdict(row) for row in rows]
    )


def elements(answers: Answers) -> Iterator[tuple[str, Bools]]:
    """Yield each element that was explained, with its atoms as a mask (atoms,)."""
    explained = np.isfinite(answers.contributions)
    for number in np.unique(answers.sample.numbers[explained]).tolist():
        yield SYMBOLS[number], explained & (answers.sample.numbers == number)


def _classes(labels: np.ndarray[tuple[int], np.dtype[np.str_]], mine: Bools) -> dict[str, Bools]:
    """Return masks (atoms,) of the classes among some atoms, the commonest first."""
    names, counts = np.unique(labels[mine], return_counts=True)
    by_size = names[np.argsort(-counts, kind="stable")].tolist()
    return {name: mine & (labels == name) for name in by_size if name != UNKNOWN}


def _distribution(
    answers: Answers,
    element: str,
    by: Literal["element", "hybridisation", "environment"],
    name: str,
    mine: Bools,
) -> Distribution:
    values = summary(answers.contributions[mine])
    return Distribution(
        answers.model, answers.head, answers.sample.source, element, by, name, answers.unit, values
    )


def _drawings(answers: Answers, environments: Environments | None) -> Iterator[Drawing]:
    of_elements = list(elements(answers))
    if len(of_elements) > FEW_ELEMENTS:
        yield _strip(answers, of_elements)
        return
    yield _histograms(answers, environments, of_elements)
    if environments is not None:
        yield _boxes(answers, environments, of_elements)


def _histograms(
    answers: Answers, environments: Environments | None, of_elements: Sequence[tuple[str, Bools]]
) -> Drawing:
    figure, charts = panels(len(of_elements), columns=4)
    for axes, (element, mine) in zip(charts, of_elements, strict=True):
        classes = {"all": mine} if environments is None else _classes(environments.hybridisation, mine)
        values = {name: answers.contributions[chosen] for name, chosen in classes.items()}
        histograms(axes, values, f"{answers.head} / {answers.unit}", f"{element}, {answers.model}")
    return Drawing(svg(figure))


def _boxes(answers: Answers, environments: Environments, of_elements: Sequence[tuple[str, Bools]]) -> Drawing:
    figure, charts = panels(len(of_elements), columns=4)
    for axes, (element, mine) in zip(charts, of_elements, strict=True):
        classes = _classes(environments.environment, mine)
        drawn = {name: summary(answers.contributions[chosen]) for name, chosen in classes.items()}
        drawn = {name: one for name, one in drawn.items() if one.count >= FEWEST}
        boxes(axes, drawn, f"{answers.head} / {answers.unit}", f"{element}, {answers.model}")
    return Drawing(svg(figure))


def _strip(answers: Answers, of_elements: Sequence[tuple[str, Bools]]) -> Drawing:
    figure, (axes,) = panels(1)
    figure.set_size_inches(11, 3)
    values = {element: summary(answers.contributions[mine]) for element, mine in of_elements}
    bars(axes, values, f"{answers.head} / {answers.unit}", answers.model)
    return Drawing(svg(figure))


def _table(rows: Sequence[Distribution]) -> TextTable:
    header = ("model", "head", "element", "by", "atoms of", "number", "mean", "deviation", "5 % to 95 %")
    cells = (
        (
            row.model,
            row.head,
            row.element,
            row.by,
            row.atoms_of,
            str(row.values.count),
            f"{row.values.mean:.3f} {row.unit}",
            f"{row.values.deviation:.3f} {row.unit}",
            f"{row.values.quantiles[0]:.3f} to {row.values.quantiles[-1]:.3f}",
        )
        for row in rows
    )
    return TextTable(header, tuple(cells))
