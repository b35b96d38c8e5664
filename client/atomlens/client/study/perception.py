"""Perception: which atoms of a molecule are bonded, and how, from their positions alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDetermineBonds

from atomlens.client.structure import Structure

# Bonds reach this many times the sum of covalent radii. In 10,742 molecules of QM9 all but two bonds end at
# 1.13, and 1.16 is the least across a strained ring.
REACH = 1.15
MAX_ITERATIONS = 10_000  # over the choices of valences; QM9's molecules need a few
MAX_ATOMS = 300  # beyond which nobody waits for the answer
NO_STRUCTURE = "no bond orders and formal charges fit its atoms and their distances"
EXCEEDED = "Max Iterations Exceeded"  # as RDKit says it
TOO_MANY = "there are too many ways to choose the valences of its atoms"


@dataclass(frozen=True, slots=True)
class Unperceived:
    """What stands in the place of a molecule whose bonds could not be told."""

    reason: str


Perceived: TypeAlias = "Chem.Mol | Unperceived"


def perceive(structure: Structure) -> Perceived:
    """Return a neutral closed-shell molecule with bonds, their orders, formal charges and its conformer.

    Atoms keep their order, and every hydrogen is an atom. Zwitterions and nitro groups get formal charges
    that cancel. Whatever cannot be told is a value with its reason; nothing is raised or written.
    """
    if reason := _unsuitable(structure):
        return Unperceived(reason)
    molecule = _atoms(structure)
    with rdBase.BlockLogs():
        try:
            rdDetermineBonds.DetermineConnectivity(molecule, useVdw=True, covFactor=REACH)
            rdDetermineBonds.DetermineBondOrders(molecule, embedChiral=False, maxIterations=MAX_ITERATIONS)
            Chem.SanitizeMol(molecule)
        except (ValueError, RuntimeError) as error:
            return Unperceived(TOO_MANY if str(error).startswith(EXCEEDED) else NO_STRUCTURE)
    return _checked(molecule)


def perceive_each(structures: Iterable[Structure]) -> list[Perceived]:
    """Return what `perceive` says of each structure."""
    return [perceive(structure) for structure in structures]


def _unsuitable(structure: Structure) -> str:
    """Return why a structure is no molecule that can be perceived, empty when it is one."""
    if structure.pbc.any():
        return "it is periodic"
    if structure.charge:
        return f"it has a charge of {structure.charge:+g} e, and only neutral molecules are perceived"
    if len(structure) > MAX_ATOMS:
        return f"it has {len(structure)} atoms, more than {MAX_ATOMS}"
    if not np.isfinite(structure.positions).all():
        return "not all its positions are finite"
    if structure.numbers.sum(dtype=np.int64) % 2:
        return "it has an odd number of electrons"
    return ""


def _atoms(structure: Structure) -> Chem.RWMol:
    molecule = Chem.RWMol()
    for number in structure.numbers.tolist():
        atom = Chem.Atom(number)
        atom.SetNoImplicit(True)
        molecule.AddAtom(atom)
    conformer = Chem.Conformer(len(structure))
    conformer.SetPositions(np.array(structure.positions))  # a copy: it must be writable
    molecule.AddConformer(conformer)
    return molecule


def _checked(molecule: Chem.RWMol) -> Perceived:
    """Return the molecule when it has no unpaired electron and no charge."""
    unpaired = sum(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms())
    if unpaired or Chem.GetFormalCharge(molecule):
        return Unperceived(NO_STRUCTURE)
    settled: Chem.Mol = molecule.GetMol()
    return settled
