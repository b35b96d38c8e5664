"""Analyses: each takes a study's material and returns what it found, or why it could not be made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from atomlens.client.embedding import Periodicity
from atomlens.client.errors import InputError, UnusableModelError
from atomlens.client.study.answers import Answers
from atomlens.client.study.charges import (
    ChargeFindings,
    charge_section,
    compare_charges,
    ranks,
    references,
)
from atomlens.client.study.comparison import comparison_section
from atomlens.client.study.contributions import contribution_section
from atomlens.client.study.embedding_section import embedding_expectations, embedding_section
from atomlens.client.study.errors import comparable, error_section
from atomlens.client.study.expectations import (
    WATER,
    Labelled,
    charge_expectations,
    energy_expectations,
)
from atomlens.client.study.labels import Label, label_names
from atomlens.client.study.maps import map_expectation
from atomlens.client.study.material import Material
from atomlens.client.study.ring_section import ring_section
from atomlens.client.study.rings import rank_rings
from atomlens.client.study.section import Findings, LeftOut, Verdict

Analysis = Callable[[Material], Findings]


def property_errors(material: Material) -> Findings:
    """Return how far properties are from labels."""
    compared = [
        (answers, label) for answers, label in material.labelled() if comparable(answers, label).any()
    ]
    told = {(answers.model, answers.head) for answers, _ in compared}
    files = ", ".join(sample.source for sample in material.samples)
    left_out = tuple(
        LeftOut(
            f"error of `{head}` by {card.status}", f"no structure that it explains has `{name}` in {files}"
        )
        for card in material.cards
        for head, name in label_names(card, material.labels).items()
        if (str(card.status), head) not in told
    )
    left_out += tuple(_lacking(compared))
    return Findings((error_section(compared),) if compared else (), left_out=left_out)


def _lacking(compared: Sequence[tuple[Answers, Label]]) -> Iterator[LeftOut]:
    for answers, label in compared:
        missing = int((~np.isfinite(label.values)).sum())
        if missing:
            some = f"{missing} of {len(label.values)} structures of {answers.sample.source}"
            yield LeftOut(f"{some} from the error of {answers.model}", f"`{label.name}` is not finite there")


def distributions(material: Material) -> Findings:
    """Return the distributions of contributions over elements and environments."""
    if not material.answers:
        return Findings(left_out=(LeftOut("distributions of contributions", "no structure was explained"),))
    environments = {sample: one.environments for sample, one in material.chemistry.items()}
    return Findings((contribution_section(material.first_of_each_model(), environments),))


def comparisons(material: Material) -> Findings:
    """Return how contributions of models that share a head go together."""
    section = comparison_section(material.first_of_each_model())
    if section is None:
        why = "no two models answered about the same head and file"
        return Findings(left_out=(LeftOut("model against model", why),))
    return Findings((section,))


def charges(material: Material) -> Findings:
    """Return how learned charges go with reference charges, and with what chemistry leads one to expect."""
    answers = material.of_aggregation("dipole")
    referenced = [one for one in answers if references(one.sample)]
    found = compare_charges(referenced)
    models = dict.fromkeys(one.model for one in answers)
    verdicts = [verdict for model in models for verdict in _charge_verdicts(material, model, found)]
    sections = (charge_section(referenced, found),) if referenced else ()
    return Findings(sections, tuple(verdicts), tuple(_uncompared(referenced)))


def _uncompared(referenced: Sequence[Answers]) -> Iterator[LeftOut]:
    if not referenced:
        why = (
            "no model of charges, or no field of reference charges (atoms,) such as `mulliken_e` in the files"
        )
        yield LeftOut("learned charges against reference charges", why)
    for sample in dict.fromkeys(one.sample for one in referenced):
        if sample.trained is None:
            why = "no file tells what was trained on: none has a split and the same identities"
            yield LeftOut(f"charges of {sample.source} outside training", why)


def _charge_verdicts(material: Material, model: str, found: ChargeFindings) -> Iterator[Verdict]:
    """Yield the rows of one model, on the first sample whose environments are known."""
    known = (
        one
        for one in material.of_aggregation("dipole")
        if one.model == model and one.sample in material.chemistry
    )
    if (answers := next(known, None)) is None:
        return
    water = _water_oxygen(material, answers)
    for row in charge_expectations(_labelled(material, answers), water):
        yield Verdict(model, answers.sample.source, row)
    for source, row in ranks(found, model):
        yield Verdict(model, source, row)


def _water_oxygen(material: Material, answers: Answers) -> float | None:
    """Return the charge of the oxygen of water in e, None where the model does not explain water."""
    try:
        return float(material.client.explain(WATER, answers.model).contributions[answers.head][0])
    except InputError:
        return None


def energies(material: Material) -> Findings:
    """Return whether energies of atoms stand in the order that chemistry leads one to expect."""
    verdicts = [
        Verdict(answers.model, answers.sample.source, row)
        for answers in material.of_aggregation("sum")
        if answers.sample in material.chemistry
        for row in energy_expectations(_labelled(material, answers))
    ]
    left_out = (
        ()
        if verdicts
        else (LeftOut("order of energies", "no model of energies explained molecules that are not periodic"),)
    )
    return Findings(verdicts=tuple(verdicts), left_out=left_out)


def maps(material: Material) -> Findings:
    """Return whether maps of benzene are as symmetric as it is, of models that were asked about molecules."""
    verdicts: list[Verdict] = []
    left_out: list[LeftOut] = []
    for model in dict.fromkeys(one.model for one in material.answers if one.sample.is_molecular):
        try:
            verdicts.append(Verdict(model, "benzene", map_expectation(material.client, model)))
        except (InputError, UnusableModelError) as error:
            left_out.append(LeftOut(f"maps of benzene by {model}", str(error)))
    return Findings(verdicts=tuple(verdicts), left_out=tuple(left_out))


def rings(material: Material) -> Findings:
    """Return how stable models of energies find six-membered rings of carbon."""
    ranked = {
        answers: rank_rings(
            material.chemistry[answers.sample].molecules, answers.sample.counts, answers.contributions
        )
        for answers in material.of_aggregation("sum")
        if answers.sample in material.chemistry
    }
    found = {answers: rows for answers, rows in ranked.items() if rows}
    if not found:
        why = "no model of energies explained a molecule with a ring of six carbon atoms"
        return Findings(left_out=(LeftOut("stability of rings", why),))
    molecules = {sample: one.molecules for sample, one in material.chemistry.items()}
    return Findings((ring_section(found, molecules),))


def embeddings(material: Material) -> Findings:
    """Return how the embeddings of elements are ordered."""
    with_rows = [card for card in material.cards if card.document.get("embedding")]
    without = (
        LeftOut(f"embedding of {card.status}", f"a network of family {card.status.family} has none")
        for card in material.cards
        if card not in with_rows
    )
    found = [material.client.embedding(str(card.status)) for card in with_rows]
    pairs = [(embedding, Periodicity.of(embedding)) for embedding in found]
    verdicts = (
        Verdict(str(embedding.model), "the model itself", row)
        for embedding, told in pairs
        for row in embedding_expectations(told)
        if row.holds is not None  # of few elements nothing can be told, which the section says
    )
    return Findings((embedding_section(pairs),) if pairs else (), tuple(verdicts), tuple(without))


ANALYSES: tuple[Analysis, ...] = (
    property_errors,
    energies,
    charges,
    maps,
    distributions,
    comparisons,
    rings,
    embeddings,
)


def _labelled(material: Material, answers: Answers) -> Labelled:
    sample = answers.sample
    sizes = np.repeat(sample.counts, sample.counts)
    return Labelled(material.chemistry[sample].environments, sample.numbers, sizes, answers.contributions)
