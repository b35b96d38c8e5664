"""Environments of the atoms of molecules that everybody knows."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.client.study.environments import PATTERNS, Environments, environments
from atomlens.client.study.perception import Unperceived, perceive, perceive_each

from .conftest import embedded

# SMILES, and the environment of each heavy atom in the order of the SMILES.
HEAVY = {
    "CC=O": ["C alkyl", "C aldehyde or ketone", "O aldehyde or ketone"],
    "CC(=O)O": ["C alkyl", "C carboxyl", "O acid or ester carbonyl", "O acid hydroxyl"],
    "COC=O": ["C alkyl on O", "O ester", "C carboxyl", "O acid or ester carbonyl"],
    "CNC=O": ["C alkyl on N", "N amide", "C amide", "O amide carbonyl"],
    "C[NH2+]CC(=O)[O-]": [
        "C alkyl on N",
        "N ammonium",
        "C alkyl on N",
        "C carboxyl",
        "O carboxylate",
        "O carboxylate",
    ],
    "N#CC#CC": ["N nitrile", "C nitrile", "C alkyne", "C alkyne", "C alkyl"],
    "C=C=C": ["C alkene", "C cumulene", "C alkene"],
    "C=C=O": ["C alkene", "C cumulene", "O cumulene"],
    "COC": ["C alkyl on O", "O ether", "C alkyl on O"],
    "C1CO1": ["C alkyl on O", "C alkyl on O", "O epoxide"],
    "OCN": ["O alcohol", "C alkyl on O and N", "N amine"],
    "O": ["O water"],
    "OO": ["O hydroxyl on N or O"] * 2,
    "C=NC": ["C imine", "N imine", "C alkyl on N"],
    "C=NO": ["C imine", "N imine", "O hydroxyl on N or O"],
    "NC=C": ["N conjugated amine", "C alkene", "C alkene"],
    "c1ccccc1": ["C aromatic"] * 6,
    "Oc1ccccc1": ["O enol or phenol", *["C aromatic"] * 6],
    "Nc1ccccc1": ["N conjugated amine", *["C aromatic"] * 6],
    "c1ccoc1": [*["C aromatic"] * 3, "O furan-like", "C aromatic"],
    "c1ccncc1": [*["C aromatic"] * 3, "N pyridine-like", *["C aromatic"] * 2],
    "c1cnc[nH]1": [*["C aromatic"] * 2, "N pyridine-like", "C aromatic", "N pyrrole-like"],
    "C[N+](=O)[O-]": ["C alkyl on N", "N nitro or oxide", "O terminal on N", "O terminal on N"],
    "CN=[N+]=[N-]": ["C alkyl on N", "N imine", *["N diazo, azide or isonitrile"] * 2],
    "CF": ["C alkyl", "F other"],
}
HYDROGENS = {
    "C": "H on sp3 C",
    "C=C": "H on sp2 C",
    "C#C": "H on sp C",
    "N": "H on N",
    "O": "H on O",
    "F": "H other",
}
HYBRIDISATIONS = {
    "CC#N": ["C sp3", "C sp", "N sp"],
    "C=C=C": ["C sp2", "C sp", "C sp2"],
    "CC=O": ["C sp3", "C sp2", "O sp2"],
    "CN": ["C sp3", "N sp3"],
    "COC": ["C sp3", "O sp3", "C sp3"],
    "NC=O": ["N sp2", "C sp2", "O sp2"],
    "c1cc[nH]c1": ["C sp2", "C sp2", "C sp2", "N sp2", "C sp2"],
}


def of(*smiles: str) -> Environments:
    """Return the environments of molecules."""
    structures = [embedded(one) for one in smiles]
    return environments(perceive_each(structures), [len(one) for one in structures])


@pytest.mark.parametrize(("smiles", "expected"), HEAVY.items(), ids=HEAVY.keys())
def test_heavy_atoms(smiles: str, expected: list[str]) -> None:
    """Each atom has the label of its functional group."""
    assert of(smiles).environment[: len(expected)].tolist() == expected


@pytest.mark.parametrize(("smiles", "expected"), HYDROGENS.items(), ids=HYDROGENS.keys())
def test_hydrogens(smiles: str, expected: str) -> None:
    """Each hydrogen has the label of what it is on."""
    told = of(smiles)
    assert set(told.environment[told.hybridisation == "H s"].tolist()) == {expected}


@pytest.mark.parametrize(("smiles", "expected"), HYBRIDISATIONS.items(), ids=HYBRIDISATIONS.keys())
def test_hybridisation(smiles: str, expected: list[str]) -> None:
    """Each atom has the hybridisation of the textbook, nitrogen of an amide that of its conjugation."""
    told = of(smiles).hybridisation
    assert told[: len(expected)].tolist() == expected
    assert set(told[len(expected) :].tolist()) == {"H s"}


def test_many_molecules() -> None:
    """Labels of molecules follow each other; atoms of one that cannot be perceived have none."""
    methane, acid = embedded("C"), embedded("CC(=O)O")
    failed = Unperceived("it is odd")
    told = environments([perceive(acid), failed, perceive(methane), failed], [8, 2, 5, 1])
    assert told.perceived.tolist() == [True, False, True, False]
    assert told.failures == (("it is odd", 2),)
    assert len(told.environment) == len(told.hybridisation) == 16
    np.testing.assert_array_equal(told.environment[:8], of("CC(=O)O").environment)
    np.testing.assert_array_equal(told.environment[10:15], of("C").environment)
    assert set(told.environment[[8, 9, 15]]) == set(told.hybridisation[[8, 9, 15]]) == {""}


def test_none() -> None:
    """Of no molecules there are no labels."""
    told = environments([], [])
    assert told.environment.shape == told.hybridisation.shape == told.perceived.shape == (0,)
    assert told.among(["C sp"]).shape == (0,)


def test_among() -> None:
    """Classes are unions of environments and hybridisations."""
    told = of("CC(=O)O")
    assert np.flatnonzero(told.among(["O acid hydroxyl", "C sp3"])).tolist() == [0, 3]


def test_labels_name_their_element() -> None:
    """A label begins with the element that its pattern is of."""
    numbers = {"H": "#1", "C": "#6", "N": "#7", "O": "#8"}
    for label, pattern in PATTERNS.items():
        element = label.split()[0]
        inside = pattern.lstrip("[$(").upper()
        assert inside.startswith((element, numbers[element])), label
