"""Errors: how far a model's property is from a file's labels, recomputed from its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from atomlens.client.study.answers import Answers
from atomlens.client.study.figures import panels, scatter
from atomlens.client.study.labels import Label
from atomlens.client.study.sample import Bools
from atomlens.client.study.section import Drawing, Section, TextTable
from atomlens.client.svg import svg

OTHER_UNITS = {"e·Å": "D", "Å²": "a0²"}  # that the literature gives errors in


@dataclass(frozen=True, slots=True, eq=False)
class PropertyErrors:
    """Errors of one head on one sample."""

    model: str
    digest: str
    head: str
    label: str
    source: str
    part: str
    unit: str
    structures: int
    trained: int | None  # of them, how many are in the training part of the files' split; None: not known
    mae: float
    rmse: float
    bias: float
    median: float  # of absolute errors
    largest: float
    on_card: float | None  # the test MAE that the card claims

    def __str__(self) -> str:
        return f"{self.mae:#.3g} {self.unit}" + other_unit(self.mae, self.unit)


def measure_errors(answers: Answers, label: Label) -> PropertyErrors:
    """Return the errors of the structures that have an answer and a finite label, one at least."""
    both, trained = comparable(answers, label), answers.sample.trained
    errors = (answers.properties - label.values)[both]
    sizes = np.abs(errors)
    claimed = (
        error.mae for error in answers.card.errors if (error.split, error.head) == ("test", answers.head)
    )
    return PropertyErrors(
        model=answers.model,
        digest=answers.card.status.digest,
        head=answers.head,
        label=label.name,
        source=answers.sample.source,
        part=answers.sample.part,
        unit=answers.property_unit,
        structures=len(errors),
        trained=None if trained is None else int(trained[both].sum()),
        mae=float(sizes.mean()),
        rmse=float(np.sqrt((errors**2).mean())),
        bias=float(errors.mean()),
        median=float(np.median(sizes)),
        largest=float(sizes.max()),
        on_card=next(claimed, None),
    )


def comparable(answers: Answers, label: Label) -> Bools:
    """Return which structures have both an answer and a finite label: (structures,)."""
    return answers.answered & np.isfinite(label.values)


def other_unit(value: float, unit: str) -> str:
    """Return the value in the unit of the literature, in brackets, or nothing."""
    from atomlens.export.units import UNITS

    if unit not in OTHER_UNITS:
        return ""
    other = OTHER_UNITS[unit]
    return f" ({value / UNITS[unit][other]:#.3g} {other})"


def error_table(errors: Sequence[PropertyErrors]) -> TextTable:
    """Return the table of accuracies."""
    rows = (
        (
            one.model,
            one.label,
            str(one),
            f"{one.rmse:#.3g} {one.unit}",
            f"{one.structures} ({one.part} of {one.source}){_trained_on(one)}",
        )
        for one in errors
    )
    return TextTable(("model", "label", "MAE", "RMSE", "structures"), tuple(rows))


def _trained_on(errors: PropertyErrors) -> str:
    return f", {errors.trained} of them trained on" if errors.trained else ""


def error_section(compared: Sequence[tuple[Answers, Label]]) -> Section:
    """Return the section of all errors, with a chart of error against label for each."""
    found = [measure_errors(answers, label) for answers, label in compared]
    figure, charts = panels(len(compared))
    for axes, (answers, label) in zip(charts, compared, strict=True):
        both = comparable(answers, label)
        errors = (answers.properties - label.values)[both]
        names = (f"{label.name} in {answers.property_unit}", f"prediction - label in {answers.property_unit}")
        scatter(axes, label.values[both], errors, names, answers.model)
    more = TextTable(
        ("model", "median error", "bias", "largest error", "test MAE on the card"),
        tuple(
            (
                one.model,
                *(f"{value:#.3g} {one.unit}" for value in (one.median, one.bias, one.largest)),
                "-" if one.on_card is None else f"{one.on_card:#.3g} {one.unit}",
            )
            for one in found
        ),
    )
    sentence = (
        "Every figure here is recomputed from answers of the engine, none is taken from a training log."
    )
    return Section(
        "errors",
        "Error of the property",
        (sentence,),
        (error_table(found), more),
        (Drawing(svg(figure)),),
        [asdict(one) for one in found],
    )
