"""`atomlens.export.table`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.io import write

from atomlens.export.dataset import DataError
from atomlens.export.table import Table, read_table


def arrays() -> dict[str, Any]:
    """Return the fields of a sound .npz file: water and hydrogen."""
    return {
        "n_atoms": np.array([3, 2]),
        "numbers": np.array([8, 1, 1, 1, 1]),
        "positions": np.arange(15.0).reshape(5, 3),
        "u0_eV": np.array([-76.0, -1.0]),
        "dipole_eA": np.arange(6.0).reshape(2, 3),
        "mulliken_e": np.arange(5.0),
        "mp_id": np.array(["mp-1", "mp-22"]),
    }


def frames() -> list[Atoms]:
    """Return the same things beside and on structures of ASE."""
    made = []
    for index, name in enumerate(["H2O", "H2"]):
        atoms = molecule(name)  # type: ignore[no-untyped-call]
        atoms.info.update(u0_eV=[-76.0, -1.0][index], mp_id=["mp-1", "mp-22"][index])
        atoms.info["dipole_eA"] = np.arange(3.0) + 3 * index
        atoms.set_array("mulliken_e", np.arange(len(atoms)) + 3.0 * index)
        made.append(atoms)
    return made


def table(tmp_path: Path, kind: str) -> Table:
    """Return the table of a file of either kind."""
    path = tmp_path / f"file.{kind}"
    if kind == "npz":
        np.savez(path, **arrays())
    else:
        write(path, frames())
    return read_table(path)


@pytest.mark.parametrize("kind", ["npz", "extxyz"])
def test_every_field_comes_through(tmp_path: Path, kind: str) -> None:
    """Numbers, vectors and words of structures, and numbers of atoms, whatever the format."""
    read = table(tmp_path, kind)
    assert read.source == f"file.{kind}"
    assert read.structures.numbers.tolist() == [8, 1, 1, 1, 1]
    assert read.per_structure("u0_eV").tolist() == [-76.0, -1.0]
    np.testing.assert_array_equal(read.per_structure("dipole_eA"), np.arange(6.0).reshape(2, 3))
    assert read.per_structure("mp_id").tolist() == ["mp-1", "mp-22"]
    assert read.per_atom("mulliken_e").tolist() == [0, 1, 2, 3, 4]
    assert read.split is None


@pytest.mark.parametrize("kind", ["npz", "extxyz"])
def test_what_is_asked_for_must_be_there(tmp_path: Path, kind: str) -> None:
    """A field that is missing, or one of atoms taken for one of structures, is named."""
    read = table(tmp_path, kind)
    with pytest.raises(DataError, match=rf"file\.{kind}: `charges_e` is missing"):
        read.per_atom("charges_e")
    with pytest.raises(DataError, match=r"`mulliken_e` must be \(2, \.\.\.\) for structures, got \(5,\)"):
        read.per_structure("mulliken_e")
    with pytest.raises(DataError, match=r"`u0_eV` must be \(5, \.\.\.\) for atoms, got \(2,\)"):
        read.per_atom("u0_eV")


@pytest.mark.parametrize("kind", ["npz", "extxyz"])
def test_only_wanted_fields_are_read(tmp_path: Path, kind: str) -> None:
    """The split, charge and spin always are: they tell what structures are for and what they are."""
    table(tmp_path, kind)
    assert set(read_table(tmp_path / f"file.{kind}", ["u0_eV"]).fields) == {"u0_eV"}
    np.savez(tmp_path / "split.npz", **arrays(), split=np.array([0, 2]), spin=np.array([1, 3]))
    read = read_table(tmp_path / "split.npz", ())
    assert read.split is not None
    assert (read.split.tolist(), read.structures.spins.tolist()) == ([0, 2], [1, 3])


def test_single_atoms_are_structures_too(tmp_path: Path) -> None:
    """Where every structure has one atom, a field is of both and means the same."""
    one: dict[str, Any] = {"n_atoms": [1, 1], "numbers": [1, 8], "positions": np.zeros((2, 3))}
    np.savez(tmp_path / "atoms.npz", **one, e_eV=[1.0, 2.0])
    read = read_table(tmp_path / "atoms.npz")
    assert read.per_atom("e_eV") is read.per_structure("e_eV")


def test_files_are_named_in_errors(tmp_path: Path) -> None:
    """Whether they are missing, directories or foreign; nobody is told to trust them."""
    foreign = tmp_path / "foreign.npz"
    foreign.write_bytes(b"\x00\x01 neither\n" * 9)
    for path, message in (
        (tmp_path / "missing.npz", r"missing\.npz: there is no such file"),
        (tmp_path, "this is a directory"),
        (foreign, r"foreign\.npz: it is no \.npz file, or damaged"),
    ):
        with pytest.raises(DataError, match=message):
            read_table(path)


def test_torch_is_not_needed() -> None:
    """Who reads files for a study has not installed what training needs."""
    code = "import sys, atomlens.export.table; sys.exit('torch' in sys.modules or 'ase' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
