"""`atomlens.export.frames`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from ase.io import write

from atomlens.export.dataset import DataError
from atomlens.export.frames import read_frames


def frames() -> list[Atoms]:
    """Return water, hydrogen and hydrogen with what calculators and people leave beside them."""
    made = []
    for index, name in enumerate(["H2O", "H2", "H2"]):
        atoms = molecule(name)  # type: ignore[no-untyped-call]
        forces, dipole = np.full((len(atoms), 3), index), np.full(3, index)
        atoms.calc = SinglePointCalculator(atoms, energy=-index, forces=forces, dipole=dipole)  # type: ignore[no-untyped-call]
        made.append(atoms)
    return made


@pytest.mark.parametrize("name", ["frames.extxyz", "frames.db", "frames.traj"])
def test_results_are_of_structures_or_of_atoms(tmp_path: Path, name: str) -> None:
    """Energies and dipoles have a row for each structure, forces one for each atom."""
    path = tmp_path / name
    if path.suffix == ".db":
        with connect(path) as database:  # type: ignore[no-untyped-call]
            for atoms in frames():
                database.write(atoms)
    else:
        write(path, frames())
    structures, fields, flaws = read_frames(path, None)
    assert (structures.counts.tolist(), flaws) == ([3, 2, 2], {})
    assert fields["energy"].tolist() == [0, -1, -2]
    np.testing.assert_array_equal(fields["dipole"], np.repeat([[0], [1], [2]], 3, axis=1))
    np.testing.assert_array_equal(fields["forces"][:, 0], [0, 0, 0, 1, 1, 2, 2])


def test_forces_of_molecules_of_one_size_are_of_atoms(tmp_path: Path) -> None:
    """Their shape alone would not tell; values of one shape that no calculator left are of structures."""
    same = frames()[1:]
    for atoms in same:
        atoms.info["pair"] = np.array([1.0, 2.0])
    write(tmp_path / "same.extxyz", same)
    _, fields, _ = read_frames(tmp_path / "same.extxyz", None)
    assert (fields["forces"].shape, fields["pair"].shape) == ((4, 3), (2, 2))


def test_values_beside_structures_may_be_of_atoms(tmp_path: Path) -> None:
    """Where their length follows the number of atoms, as for the data of a database."""
    with connect(tmp_path / "data.db") as database:  # type: ignore[no-untyped-call]
        for atoms in frames():
            database.write(atoms, data={"mulliken": np.arange(len(atoms)), "note": {"any": "thing"}})
    _, fields, flaws = read_frames(tmp_path / "data.db", None)
    assert fields["mulliken"].tolist() == [0, 1, 2, 0, 1, 0, 1]
    assert "must be numbers or text, got {'any': 'thing'} in structure 0" in flaws["note"]


def test_what_some_structures_lack_is_told_apart(tmp_path: Path) -> None:
    """Such a field is left out with its reason, and harms nobody who does not ask for it."""
    made = frames()
    made[0].info["mu_D"] = 1.0
    write(tmp_path / "lacking.extxyz", made)
    _, fields, flaws = read_frames(tmp_path / "lacking.extxyz", None)
    assert "energy" in fields
    assert flaws["mu_D"] == "is missing in structure 1"


def test_a_name_that_is_twice_in_a_line_is_refused(tmp_path: Path) -> None:
    """Also of two values that are the same; an equals sign in quotes is no name."""
    path = tmp_path / "twice.xyz"
    path.write_text('1\nProperties=species:S:1:pos:R:3 note="e=1 e=2" e=1\nH 0 0 0\n')
    assert read_frames(path, None)[1]["e"].tolist() == [1]
    path.write_text("1\nProperties=species:S:1:pos:R:3 e=1 u=2 e=1\nH 0 0 0\n")
    with pytest.raises(DataError, match="`e` is twice in the line"):
        read_frames(path, None)
