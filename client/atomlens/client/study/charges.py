"""Charges: learned charges and dipoles against those of a reference calculation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from atomlens.client.structure import Floats
from atomlens.client.study.answers import Answers
from atomlens.client.study.comparison import EVERY, Agreement, agreement_table, agreements
from atomlens.client.study.errors import other_unit
from atomlens.client.study.expectations import Expectation, rank_expectation
from atomlens.client.study.figures import agreement, panels
from atomlens.client.study.sample import Bools, Sample
from atomlens.client.study.section import Drawing, Section, TextTable
from atomlens.client.svg import svg

REFERENCE_SUFFIX = "_e"  # of fields (atoms,) that hold reference charges in e
DIPOLE_FIELD = "dipole_eA"  # field (structures, 3) that holds reference dipoles in e·Å
UNSEEN = "outside training"


@dataclass(frozen=True, slots=True)
class DipoleError:
    """How far learned dipole vectors are from reference ones."""

    model: str
    source: str
    which: str  # structures, in words
    structures: int
    mean_length: float  # e·Å, of the reference
    error: float  # e·Å, mean length of the difference


class ChargeFindings(NamedTuple):
    """What a comparison with reference charges gave."""

    agreements: list[Agreement]
    dipoles: list[DipoleError]


def references(sample: Sample) -> list[str]:
    """Return the names of the fields that hold reference charges of a sample, of one atom at least."""
    fields = {name: sample.per_atom(name) for name in sample.fields if name.endswith(REFERENCE_SUFFIX)}
    return [name for name, values in fields.items() if values is not None and np.isfinite(values).any()]


def compare_charges(answers: Sequence[Answers]) -> ChargeFindings:
    """Return how charges of each model go with each reference, outside training and everywhere."""
    found = ChargeFindings([], [])
    for sample in dict.fromkeys(one.sample for one in answers):
        found.agreements.extend(_among_references(sample))
    for one in answers:
        for which, chosen in _parts(one):
            found.agreements.extend(_charges(one, which, chosen))
            found.dipoles.extend(_dipoles(one, which, chosen))
    return found


def charge_section(answers: Sequence[Answers], found: ChargeFindings) -> Section:
    """Return the section of all comparisons, with a chart of each model against the first reference."""
    figure, charts = panels(len(answers))
    for axes, one in zip(charts, answers, strict=True):
        name = references(one.sample)[0]
        reference = one.sample.fields[name].astype(np.float64)
        known = np.isfinite(one.contributions) & np.isfinite(reference)
        labels = (f"{name.removesuffix(REFERENCE_SUFFIX)} / e", "learned charge / e")
        agreement(axes, reference[known], one.contributions[known], labels, one.model)
    tables = [agreement_table(found.agreements)]
    if found.dipoles:
        tables.append(_dipole_table(found.dipoles))
    sentences = (
        "Charges were learned from the length of the dipole alone; no reference charge was seen in training.",
        "Reference charges are themselves one choice among many: ranks say more than sizes.",
        "Outside training is what the files' splits leave out of their training part, which tells of models "
        "that were trained with these splits.",
    )
    numbers = {
        "agreements": [asdict(row) for row in found.agreements],
        "dipoles": [asdict(row) for row in found.dipoles],
    }
    title = "Learned charges against reference charges"
    return Section("charges", title, sentences, tuple(tables), (Drawing(svg(figure)),), numbers)


def ranks(found: ChargeFindings, model: str) -> Iterator[tuple[str, Expectation]]:
    """Yield of each file and reference whether charges rank alike, outside training where that is known."""
    rows = [row for row in found.agreements if row.first == model]
    rows = [row for row in rows if row.which == UNSEEN] or rows
    for row in rows:
        if row.atoms_of == EVERY:
            same = [one for one in rows if (one.second, one.source) == (row.second, row.source)]
            by_element = {one.atoms_of: one.spearman for one in same if one.atoms_of != EVERY}
            name = f"{row.second} charges ({row.which}, {row.source})"
            yield row.source, rank_expectation(name, row.spearman, by_element)


def _parts(answers: Answers) -> Iterator[tuple[str, Bools]]:
    """Yield which structures to compare on, in words and as a mask (structures,), each choice once."""
    trained = answers.sample.trained
    if trained is not None:
        yield UNSEEN, ~trained
    if trained is None or trained.any():
        yield answers.sample.part, np.ones(len(answers.sample.counts), np.bool_)


def _charges(answers: Answers, which: str, chosen: Bools) -> Iterator[Agreement]:
    sample = answers.sample
    atoms = chosen[sample.owners]
    numbers, learned = sample.numbers[atoms], answers.contributions[atoms]
    for name in references(sample):
        pair = (learned, sample.fields[name][atoms].astype(np.float64))
        names = (answers.model, name.removesuffix(REFERENCE_SUFFIX))
        yield from agreements(names, sample.source, which, answers.unit, numbers, pair)


def _among_references(sample: Sample) -> Iterator[Agreement]:
    """Yield how references go together: models cannot be asked to agree with both more than they do."""
    for pair in combinations(references(sample), 2):
        first, second = (sample.fields[name].astype(np.float64) for name in pair)
        names = (pair[0].removesuffix(REFERENCE_SUFFIX), pair[1].removesuffix(REFERENCE_SUFFIX))
        yield from agreements(names, sample.source, sample.part, "e", sample.numbers, (first, second))


def _dipoles(answers: Answers, which: str, chosen: Bools) -> Iterator[DipoleError]:
    reference = answers.sample.per_structure(DIPOLE_FIELD)
    if reference is None or answers.vectors is None or reference.shape != answers.vectors.shape:
        return
    known = chosen & answers.answered & np.isfinite(reference).all(axis=1)
    if known.any():
        errors: Floats = np.linalg.norm(answers.vectors[known] - reference[known], axis=1)
        length = float(np.linalg.norm(reference[known], axis=1).mean())
        yield DipoleError(
            answers.model, answers.sample.source, which, int(known.sum()), length, float(errors.mean())
        )


def _dipole_table(rows: Sequence[DipoleError]) -> TextTable:
    header = ("model", "structures", "number", "mean reference dipole", "mean length of the error")
    cells = (
        (
            row.model,
            f"{row.which} of {row.source}",
            str(row.structures),
            f"{row.mean_length:.3f} e·Å",
            f"{row.error:.4f} e·Å" + other_unit(row.error, "e·Å"),
        )
        for row in rows
    )
    return TextTable(header, tuple(cells))
