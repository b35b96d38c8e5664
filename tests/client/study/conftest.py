"""Molecules from their SMILES, for studies."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from atomlens.client import Structure
from atomlens.export.table import Table, read_table

# Of most classes that expectations are about some atoms, but too few; rings of carbon in the test part.
SMILES = (
    "CC(=O)O",
    "CC#N",
    "CN",
    "CC=N",
    "COC",
    "CC(C)=O",
    "O",
    "CO",
    "C",
    "c1ccccc1",
    "C1CCCCC1",
    "C1=CCCCC1",
)


@cache
def embedded(smiles: str) -> Structure:
    """Return a molecule with hydrogens where a force field puts its atoms, the same each time."""
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert rdDistGeom.EmbedMolecule(molecule, randomSeed=1) == 0
    rdForceFieldHelpers.MMFFOptimizeMolecule(molecule, maxIters=1000)
    numbers = [atom.GetAtomicNum() for atom in molecule.GetAtoms()]
    return Structure(numbers, molecule.GetConformer().GetPositions(), id=smiles)


def arrays(smiles: tuple[str, ...] = SMILES) -> dict[str, np.ndarray[Any, Any]]:
    """Return molecules as flat arrays, the first half of them for training, with invented labels."""
    molecules = [embedded(one) for one in smiles]
    atoms = sum(len(one) for one in molecules)
    rng = np.random.default_rng(0)
    return {
        "n_atoms": np.array([len(one) for one in molecules]),
        "numbers": np.concatenate([one.numbers for one in molecules]),
        "positions": np.concatenate([one.positions for one in molecules]),
        "split": np.array([0] * (len(molecules) // 2) + [2] * (len(molecules) - len(molecules) // 2)),
        "qm9_index": np.arange(1, len(molecules) + 1),
        "u0_eV": rng.normal(size=len(molecules)),
        "mulliken_e": rng.normal(size=atoms),
        "dipole_eA": rng.normal(size=(len(molecules), 3)),
    }


def table(path: Path, fields: dict[str, np.ndarray[Any, Any]]) -> Table:
    """Return arrays as a file gives them back."""
    np.savez(path, **fields)  # type: ignore[arg-type]  # numpy takes any name for one of its own
    return read_table(path)
