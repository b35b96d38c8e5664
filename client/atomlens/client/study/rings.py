"""Rings: how stable a model finds six-membered rings of carbon, from what it says of their atoms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from rdkit import Chem

from atomlens.client.structure import Floats
from atomlens.client.study.perception import Perceived, Unperceived
from atomlens.client.study.statistics import Summary, auc, summary

RingKind: TypeAlias = Literal["aromatic", "partly unsaturated", "saturated"]
KINDS: tuple[RingKind, ...] = ("aromatic", "partly unsaturated", "saturated")
SIZE, CARBON = 6, 6


@dataclass(frozen=True, slots=True)
class Ring:
    """A ring of six carbon atoms."""

    molecule: int  # its place among the molecules
    atoms: tuple[int, ...]  # of the ring, counted from the molecule's first
    kind: RingKind  # aromatic: all six bonds are; saturated: all six atoms have single bonds only
    energy: float  # sum of the contributions of its six atoms, in their unit


def rank_rings(
    molecules: Sequence[Perceived], counts: Sequence[int] | npt.NDArray[np.int64], contributions: Floats
) -> tuple[Ring, ...]:
    """Return every ring, the most stable first; rings with an atom that has no contribution are left out.

    Args:
        molecules: what was perceived of each molecule.
        counts: (molecules,) atoms of each.
        contributions: (atoms,) energies without the offsets of free atoms, NaN where there is none.
    """
    ends = np.cumsum(counts)
    found: list[Ring] = []
    for index, (molecule, end, count) in enumerate(zip(molecules, ends.tolist(), counts, strict=True)):
        if not isinstance(molecule, Unperceived):
            found += _rings(index, molecule, contributions[end - int(count) : end])
    return tuple(sorted((ring for ring in found if np.isfinite(ring.energy)), key=lambda ring: ring.energy))


def extremes(rings: Sequence[Ring], count: int) -> tuple[list[Ring], list[Ring]]:
    """Return the ``count`` most and least stable of ranked rings, extremes first, one ring of a molecule."""
    first = {ring.molecule: ring for ring in reversed(rings)}
    last = {ring.molecule: ring for ring in rings}
    most = sorted(first.values(), key=lambda ring: ring.energy)[:count]
    least = sorted(last.values(), key=lambda ring: -ring.energy)[:count]
    return most, least


def by_kind(rings: Sequence[Ring]) -> dict[RingKind, Floats]:
    """Return the energies of the rings of each kind that there is."""
    energies = {kind: np.array([ring.energy for ring in rings if ring.kind == kind]) for kind in KINDS}
    return {kind: values for kind, values in energies.items() if values.size}


def ring_summaries(rings: Sequence[Ring]) -> dict[RingKind, Summary]:
    """Return the distribution of the energies of each kind that there is."""
    return {kind: summary(values) for kind, values in by_kind(rings).items()}


def aromatic_below_saturated(rings: Sequence[Ring]) -> float:
    """Return how surely an aromatic ring is more stable than a saturated one: `auc`, NaN without both."""
    kinds = by_kind(rings)
    return auc(kinds.get("aromatic", np.empty(0)), kinds.get("saturated", np.empty(0)))


def _rings(index: int, molecule: Chem.Mol, contributions: Floats) -> Iterator[Ring]:
    """Yield the rings of one molecule with the contributions (atoms,) of its atoms."""
    information = molecule.GetRingInfo()
    for atoms, bonds in zip(information.AtomRings(), information.BondRings(), strict=True):
        carbon = all(molecule.GetAtomWithIdx(atom).GetAtomicNum() == CARBON for atom in atoms)
        if carbon and len(atoms) == SIZE:
            energy = float(contributions[list(atoms)].sum())
            yield Ring(index, tuple(atoms), _kind(molecule, atoms, bonds), energy)


def _kind(molecule: Chem.Mol, atoms: Sequence[int], bonds: Sequence[int]) -> RingKind:
    if all(molecule.GetBondWithIdx(bond).GetIsAromatic() for bond in bonds):
        return "aromatic"
    hybridisations = {molecule.GetAtomWithIdx(atom).GetHybridization() for atom in atoms}
    return "saturated" if hybridisations == {Chem.HybridizationType.SP3} else "partly unsaturated"
