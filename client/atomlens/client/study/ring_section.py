"""Ring section: the rings of six carbon atoms from the most stable to the least, as a model finds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rdkit import Chem

from atomlens.client.study.answers import Answers
from atomlens.client.study.drawing import draw, smiles
from atomlens.client.study.figures import histograms, panels
from atomlens.client.study.perception import Perceived, Unperceived
from atomlens.client.study.rings import Ring, aromatic_below_saturated, by_kind, extremes, ring_summaries
from atomlens.client.study.sample import Sample
from atomlens.client.study.section import Drawing, Section, TextTable
from atomlens.client.svg import svg

DRAWN = 5  # of the most stable and of the least stable each
Found = Mapping[Answers, Sequence[Ring]]
Molecules = Mapping[Sample, Sequence[Perceived]]


def ring_section(found: Found, molecules: Molecules) -> Section:
    """Return the section of ranked rings, none without a ring, with drawings of the extremes."""
    figure, charts = panels(len(found))
    for axes, (answers, rings) in zip(charts, found.items(), strict=True):
        histograms(axes, by_kind(rings), f"sum of six contributions / {answers.unit}", answers.model)
    drawings = [Drawing(svg(figure))]
    for answers, rings in found.items():
        drawings += _drawings(answers, rings, molecules[answers.sample])
    sentences = (
        "The stability of a ring is the sum of what the model says of its six carbon atoms, without the "
        "energies of free atoms: lower is more stable.",
    )
    numbers = [_numbers(answers, rings, molecules[answers.sample]) for answers, rings in found.items()]
    return Section(
        "rings",
        "Stability of six-membered carbon rings",
        sentences,
        (_table(found),),
        tuple(drawings),
        numbers,
    )


def _table(found: Found) -> TextTable:
    header = ("model", "rings", "number", "mean", "deviation", "AUC aromatic < saturated")
    rows = []
    for answers, rings in found.items():
        area = f"{aromatic_below_saturated(rings):.3f}"
        for kind, one in ring_summaries(rings).items():
            cells = (f"{one.mean:.2f} {answers.unit}", f"{one.deviation:.2f} {answers.unit}")
            rows.append((answers.model, kind, str(one.count), *cells, area if kind == "aromatic" else ""))
    return TextTable(header, tuple(rows))


def _drawings(answers: Answers, rings: Sequence[Ring], molecules: Sequence[Perceived]) -> Iterator[Drawing]:
    for words, chosen in zip(("most", "least"), extremes(rings, DRAWN), strict=True):
        drawn = (
            draw(_molecule(molecules, ring), ring.atoms, f"{ring.energy:.2f} {answers.unit}")
            for ring in chosen
        )
        yield Drawing("".join(drawn), f"{answers.model}: the {words} stable rings")


def _numbers(answers: Answers, rings: Sequence[Ring], molecules: Sequence[Perceived]) -> dict[str, Any]:
    most, least = (
        [
            {"smiles": smiles(_molecule(molecules, ring)), "kind": ring.kind, "energy": ring.energy}
            for ring in chosen
        ]
        for chosen in extremes(rings, DRAWN)
    )
    return {
        "model": answers.model,
        "source": answers.sample.source,
        "unit": answers.unit,
        "kinds": {kind: asdict(one) for kind, one in ring_summaries(rings).items()},
        "auc_aromatic_below_saturated": aromatic_below_saturated(rings),
        "most_stable": most,
        "least_stable": least,
    }


def _molecule(molecules: Sequence[Perceived], ring: Ring) -> Chem.Mol:
    molecule = molecules[ring.molecule]
    assert not isinstance(molecule, Unperceived)  # rings were found in it
    return molecule
