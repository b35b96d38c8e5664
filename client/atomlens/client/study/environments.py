"""Environments: the hybridisation and the functional group of each atom of many molecules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from rdkit import Chem

from atomlens.client.study.perception import Perceived, Unperceived
from atomlens.client.study.sample import Bools

Texts: TypeAlias = npt.NDArray[np.str_]
UNKNOWN = ""  # of atoms whose molecule could not be perceived

# Of each atom the first pattern that it begins names its environment; every hydrogen is an atom here.
PATTERNS: dict[str, str] = {
    "C nitrile": "[CX2]#[NX1]",
    "C alkyne": "[CX2]#[#6]",
    "C cumulene": "[CX2](=*)=*",
    "C carboxyl": "[#6X3](=[OX1])[#8]",
    "C amide": "[#6X3](=[OX1])[#7]",
    "C aldehyde or ketone": "[#6X3]=[OX1]",
    "C aromatic": "c",
    "C imine": "[CX3]=[#7]",
    "C alkene": "[CX3]=[#6]",
    "C alkyl on O and N": "[$([CX4][#8])][#7]",
    "C alkyl on O": "[CX4][#8]",
    "C alkyl on N": "[CX4][#7]",
    "C alkyl": "[CX4]",
    "O water": "[OX2H2]",
    "O carboxylate": "[$([OX1-][#6]=[OX1]),$([OX1]=[#6][OX1-])]",
    "O terminal on N": "[OX1]~[#7]",
    "O anion": "[OX1-]",
    "O cumulene": "[OX1]=[#6X2]",
    "O acid or ester carbonyl": "[OX1]=[#6][#8]",
    "O amide carbonyl": "[OX1]=[#6][#7]",
    "O aldehyde or ketone": "[OX1]=[#6]",
    "O acid hydroxyl": "[OX2H1][#6]=[OX1]",
    "O enol or phenol": "[OX2H1][#6X3,#6X2]",
    "O alcohol": "[OX2H1][#6X4]",
    "O hydroxyl on N or O": "[OX2H1]",
    "O furan-like": "[oX2]",
    "O ester": "[OX2][#6]=[OX1]",
    "O epoxide": "[OX2r3]",
    "O ether": "[OX2]([#6])[#6]",
    "O ether to N or O": "[OX2]",
    "N nitrile": "[NX1]#[#6]",
    "N diazo, azide or isonitrile": "[$([NX1]),$([NX2](=*)=*),$([NX2]#*)]",
    "N nitro or oxide": "[#7X3]~[OX1]",
    "N pyridine-like": "[nX2]",
    "N imine": "[NX2]=*",
    "N anion": "[NX2-]",
    "N pyrrole-like": "[nX3]",
    "N ammonium": "[NX4]",
    "N iminium": "[NX3]=*",
    "N amide": "[NX3][#6]=[OX1]",
    "N conjugated amine": "[NX3][#6X3,#6X2,#7X2]",
    "N amine": "[NX3]",
    "H on sp C": "[#1][#6X2]",
    "H on sp2 C": "[#1][#6X3]",
    "H on sp3 C": "[#1][#6X4]",
    "H on N": "[#1][#7]",
    "H on O": "[#1][#8]",
}
OTHER = "other"
HYBRIDISATIONS = {
    Chem.HybridizationType.S: "s",
    Chem.HybridizationType.SP: "sp",
    Chem.HybridizationType.SP2: "sp2",
    Chem.HybridizationType.SP3: "sp3",
}


@dataclass(frozen=True, slots=True, eq=False)
class Environments:
    """Labels of all atoms of many molecules, one after the other."""

    hybridisation: Texts  # (atoms,) such as "C sp2", "H s", `UNKNOWN`
    environment: Texts  # (atoms,) a key of `PATTERNS`, or such as "C other", `UNKNOWN`
    perceived: Bools  # (molecules,)
    failures: tuple[tuple[str, int], ...]  # why molecules were not perceived, how often, most frequent first

    def among(self, labels: Iterable[str]) -> Bools:
        """Return which atoms have one of these hybridisations or environments: (atoms,)."""
        wanted = list(labels)
        return np.isin(self.environment, wanted) | np.isin(self.hybridisation, wanted)


def environments(
    molecules: Sequence[Perceived], counts: Sequence[int] | npt.NDArray[np.int64]
) -> Environments:
    """Return the labels of the atoms of molecules that have ``counts`` (molecules,) atoms."""
    labels = [_labels(molecule, int(count)) for molecule, count in zip(molecules, counts, strict=True)]
    failures = [molecule.reason for molecule in molecules if isinstance(molecule, Unperceived)]
    return Environments(
        np.array([label for hybridisation, _ in labels for label in hybridisation], np.str_),
        np.array([label for _, environment in labels for label in environment], np.str_),
        np.array([not isinstance(molecule, Unperceived) for molecule in molecules], np.bool_),
        tuple(Counter(failures).most_common()),
    )


def hybridisations_of(molecule: Chem.Mol) -> list[str]:
    """Return the hybridisation of each atom, lone pairs next to double bonds counted as conjugated."""
    return [
        f"{atom.GetSymbol()} {HYBRIDISATIONS.get(atom.GetHybridization(), OTHER)}"
        for atom in molecule.GetAtoms()
    ]


def environments_of(molecule: Chem.Mol) -> list[str]:
    """Return the environment of each atom."""
    found: dict[int, str] = {}
    for label, pattern in _queries():
        for (atom,) in molecule.GetSubstructMatches(pattern, maxMatches=molecule.GetNumAtoms()):
            found.setdefault(atom, label)
    return [found.get(atom.GetIdx(), f"{atom.GetSymbol()} {OTHER}") for atom in molecule.GetAtoms()]


def _labels(molecule: Perceived, count: int) -> tuple[list[str], list[str]]:
    if isinstance(molecule, Unperceived):
        return [UNKNOWN] * count, [UNKNOWN] * count
    return hybridisations_of(molecule), environments_of(molecule)


@cache
def _queries() -> tuple[tuple[str, Chem.Mol], ...]:
    """Return the patterns, each made to match the one atom that it begins with."""
    return tuple((label, Chem.MolFromSmarts(f"[$({pattern})]")) for label, pattern in PATTERNS.items())
