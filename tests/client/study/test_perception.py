"""Bonds from positions against the SMILES that the positions were made from, and against known molecules."""

from __future__ import annotations

import re

import numpy as np
import pytest
from ase import Atoms
from ase.collections import g2
from rdkit import Chem

from atomlens.client import Structure
from atomlens.client.study import perception
from atomlens.client.study.drawing import smiles
from atomlens.client.study.perception import MAX_ATOMS, Unperceived, perceive, perceive_each

from .conftest import embedded

SMILES = {
    "benzene": "c1ccccc1",
    "acetic acid": "CC(=O)O",
    "glycine": "NCC(=O)O",
    "glycine as a zwitterion": "[NH3+]CC(=O)[O-]",
    "nitrobenzene": "O=[N+]([O-])c1ccccc1",
    "furan": "c1ccoc1",
    "pyridine": "c1ccncc1",
    "pyridine oxide": "[O-][n+]1ccccc1",
    "pyrrole": "c1cc[nH]c1",
    "azulene": "c1ccc2cccc-2cc1",
    "isonitrile": "[C-]#[N+]C",
    "azide": "CN=[N+]=[N-]",
    "vinylallene": "C=CC=C=C",
    "carbon suboxide": "O=C=C=C=O",
    "bicyclobutane with an ether": "C1OC2C3CC23C1",
    "bicyclopentane": "C1C2CC1C2",
    "bicyclopentane with an ether": "C1C2CC1O2",
    "peptide": "CC(N)C(=O)NC(C)C(=O)NC(C)C(=O)NC(C)C(=O)O",
}
G2 = {"HCN": "C#N", "CO": "[C-]#[O+]", "CO2": "O=C=O", "CH3NO2": "C[N+](=O)[O-]", "bicyclobutane": "C1C2CC12"}


def canonical(expected: str) -> str:
    """Return a SMILES as RDKit writes it."""
    return str(Chem.MolToSmiles(Chem.MolFromSmiles(expected)))


@pytest.mark.parametrize("expected", SMILES.values(), ids=SMILES.keys())
def test_smiles(expected: str) -> None:
    """A molecule made from a SMILES is perceived as that SMILES, its charges included."""
    found = perceive(embedded(expected))
    assert isinstance(found, Chem.Mol), found
    assert smiles(found) == canonical(expected)


@pytest.mark.parametrize(("name", "expected"), G2.items(), ids=G2.keys())
def test_known_molecules(name: str, expected: str) -> None:
    """Molecules with positions of a database have the bonds that chemistry gives them."""
    found = perceive(Structure.of(g2[name]))
    assert isinstance(found, Chem.Mol), found
    assert smiles(found) == canonical(expected)


def test_every_molecule_has_its_valences(molecules: list[Atoms]) -> None:
    """Closed-shell molecules of H, C, N and O are neutral with full valences; radicals are not perceived."""
    full = {1: 1, 6: 4, 7: 3, 8: 2}
    for atoms in molecules:
        found = perceive(Structure.of(atoms))
        if sum(atoms.numbers) % 2:
            assert found == Unperceived("it has an odd number of electrons")
        elif isinstance(found, Chem.Mol):
            assert sum(atom.GetFormalCharge() for atom in found.GetAtoms()) == 0
            valences = [atom.GetTotalValence() for atom in found.GetAtoms() if not atom.GetFormalCharge()]
            assert valences == [
                full[atom.GetAtomicNum()] for atom in found.GetAtoms() if not atom.GetFormalCharge()
            ]
        else:
            assert Structure.of(atoms).formula in ("CH2", "H2", "HN")


def test_atoms_keep_their_order() -> None:
    """Atoms are those of the structure, one for one."""
    structure = embedded("NCC(=O)O")
    shuffled = np.random.default_rng(0).permutation(len(structure))
    found = perceive(Structure(structure.numbers[shuffled], structure.positions[shuffled]))
    assert isinstance(found, Chem.Mol)
    assert [atom.GetAtomicNum() for atom in found.GetAtoms()] == structure.numbers[shuffled].tolist()
    np.testing.assert_array_equal(found.GetConformer().GetPositions(), structure.positions[shuffled])


WATER = ([8, 1, 1], [[0.0, 0.0, 0.0], [0.76, 0.59, 0.0], [-0.76, 0.59, 0.0]])
UNSUITABLE = {
    "radical": (Structure([1], [[0.0, 0.0, 0.0]]), "odd number of electrons"),
    "crystal": (Structure(*WATER, cell=np.eye(3) * 9, pbc=True), "periodic"),
    "ion": (Structure(*WATER, charge=1.0), r"a charge of \+1 e"),
    "not finite": (Structure([1, 1], [[0.0, 0.0, 0.0], [np.nan, 0.0, 0.0]]), "finite"),
    "large": (Structure([2] * (MAX_ATOMS + 1), np.zeros((MAX_ATOMS + 1, 3))), f"more than {MAX_ATOMS}"),
    "carbene": (Structure([6, 1, 1], [[0.0, 0.0, 0.0], [0.8, 0.7, 0.0], [-0.8, 0.7, 0.0]]), "no bond orders"),
    "squeezed": (Structure(g2["CH3CHO"].numbers, 0.57 * g2["CH3CHO"].positions), "no bond orders"),
    "atoms on top of each other": (Structure([6, 6], np.zeros((2, 3))), "no bond orders"),
}


@pytest.mark.parametrize(("structure", "reason"), UNSUITABLE.values(), ids=UNSUITABLE.keys())
def test_what_cannot_be_perceived(
    structure: Structure, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is no neutral closed-shell molecule comes back as a reason, and nothing is written anywhere."""
    found = perceive(structure)
    assert isinstance(found, Unperceived)
    assert re.search(reason, found.reason)
    assert capfd.readouterr() == ("", "")


def test_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A molecule whose valences can be chosen in too many ways is given up."""
    monkeypatch.setattr(perception, "MAX_ITERATIONS", 2)
    nitro, methane = embedded("C[N+](=O)[O-]"), embedded("C")
    found = perceive_each([nitro, methane])
    assert found[0] == Unperceived("there are too many ways to choose the valences of its atoms")
    assert isinstance(found[1], Chem.Mol)
