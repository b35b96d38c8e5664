"""`atomlens.export.scrutiny`, on molecules of ASE with invented labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.data import atomic_masses

from atomlens.export.dataset import DataError, Dataset, random_split
from atomlens.export.scrutiny import scrutinise
from atomlens.export.units import BOHR_ANGSTROM, EV, UNITS
from atomlens.server.structures import Structures

REFERENCES = {1: -13.6, 6: -1029.9, 7: -1485.3, 8: -2042.6}


def dataset(molecules: list[Atoms], unit: str, rng: np.random.Generator) -> Dataset:
    """Return molecules, four distorted copies of each, with labels much like those of real ones."""
    copies = [atoms for atoms in molecules for _ in range(4)]
    numbers = np.concatenate([atoms.numbers for atoms in copies])
    positions = np.concatenate([atoms.positions for atoms in copies])
    structures = Structures.molecules(
        [len(atoms) for atoms in copies], numbers, positions + rng.normal(0, 0.02, positions.shape)
    )
    energies = np.array([REFERENCES[number] for number in numbers]) - rng.normal(4, 0.1, len(numbers))
    masses = atomic_masses[numbers][:, None]
    centers = structures.sums(masses * structures.positions) / structures.sums(masses)
    squares = ((structures.positions - centers[structures.owners]) ** 2).sum(1)
    labels = structures.sums(energies if unit == "eV" else numbers * (squares + 0.3))
    return Dataset(structures, labels, random_split(len(copies), 0), "label", unit, "made.npz").check()


@pytest.fixture
def energies(molecules: list[Atoms], rng: np.random.Generator) -> Dataset:
    """Molecules with energies."""
    return dataset(molecules, "eV", rng)


@pytest.mark.parametrize("unit", ["Ha", "meV", "kcal/mol", "kJ/mol"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9])
def test_energies_in_two_units_are_refused(
    energies: Dataset, rng: np.random.Generator, unit: str, share: float
) -> None:
    """Total energies and atomisation energies alike, whichever unit has the majority."""
    free = np.array([REFERENCES[number] for number in energies.structures.numbers])
    mixed = rng.random(len(energies.labels)) < share
    for labels in (energies.labels, energies.labels - energies.structures.sums(free)):
        assert scrutinise(replace(energies, labels=labels))
        with pytest.raises(
            DataError, match=r"made\.npz: `label` must have one unit: .* structure \d+ first"
        ) as error:
            scrutinise(replace(energies, labels=np.where(mixed, labels / EV[unit], labels)))
        assert unit in str(error.value)
        assert "eV" in str(error.value)


@pytest.mark.parametrize("share", [0.1, 0.8])
def test_extents_in_two_units_are_refused(
    molecules: list[Atoms], rng: np.random.Generator, share: float
) -> None:
    """They follow from the elements and where the atoms are."""
    data = dataset(molecules, "Å²", rng)
    assert scrutinise(data) is data
    mixed = rng.random(len(data.labels)) < share
    with pytest.raises(DataError, match="must have one unit"):
        scrutinise(replace(data, labels=np.where(mixed, data.labels / UNITS["Å²"]["a0²"], data.labels)))


@pytest.mark.parametrize("share", [0.05, 0.3, 0.8])
def test_positions_in_two_units_are_refused(
    energies: Dataset, rng: np.random.Generator, share: float
) -> None:
    """Some molecules in Bohr have bonds 1.89 times as long as those of the others."""
    mixed = rng.random(len(energies.labels)) < share
    scales = np.where(mixed, 1 / BOHR_ANGSTROM, 1.0)[energies.structures.owners]
    positions = energies.structures.positions * scales[:, None]
    count = min(mixed.sum(), (~mixed).sum())
    with pytest.raises(DataError, match=f"`positions` must have one unit: {count} of "):
        scrutinise(replace(energies, structures=replace(energies.structures, positions=positions)))


def test_numbers_that_elements_do_not_explain_pass(energies: Dataset, rng: np.random.Generator) -> None:
    """Orbital energies, dipoles or formation energies scatter too much to betray anything, even a mixture."""
    for labels in (rng.normal(-6, 1, len(energies.labels)), rng.normal(0, 1, len(energies.labels))):
        for unit in ("eV", "eV/atom"):
            data = replace(energies, labels=labels, unit=unit)
            assert scrutinise(data) is data
    stretched = (
        energies.structures.positions
        * rng.uniform(0.8, 2.5, len(energies.labels))[energies.structures.owners, None]
    )
    data = replace(energies, structures=replace(energies.structures, positions=stretched))
    assert scrutinise(data) is data


def test_atoms_on_one_place_are_named(energies: Dataset) -> None:
    """By their indices in their structure."""
    positions = energies.structures.positions.copy()
    first = energies.structures.offsets[40]
    positions[first + 1] = positions[first] + 0.005
    with pytest.raises(DataError, match="as atoms 0 and 1 of structure 40 are"):
        scrutinise(replace(energies, structures=replace(energies.structures, positions=positions)))
