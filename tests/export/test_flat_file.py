"""`atomlens.export.flat_file`."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atomlens.export.dataset import DataError
from atomlens.export.flat_file import read_flat
from atomlens.server.structures import Structures


def read(tmp_path: Path, **changes: Any) -> Structures:
    """Return the structures of a file of two molecules with some of its fields changed."""
    fields: dict[str, Any] = {
        "n_atoms": [2, 1],
        "numbers": [1, 8, 6],
        "positions": np.arange(9.0).reshape(3, 3),
    }
    fields |= changes
    np.savez(tmp_path / "flat.npz", **{name: value for name, value in fields.items() if value is not None})
    return read_flat(tmp_path / "flat.npz", None)[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_atoms": None}, "`n_atoms` is missing"),
        ({"n_atoms": 3}, r"`n_atoms` must be \(1,\), got \(\)"),
        ({"n_atoms": [4, -1]}, "`n_atoms` must be numbers of atoms, got -1"),
        ({"n_atoms": np.zeros(0, int)}, "`n_atoms` must be numbers of atoms"),
        ({"n_atoms": [1.5, 1.5]}, r"`n_atoms` must be whole numbers, got 1\.5 in row 0"),
        ({"numbers": [1, 8]}, r"`numbers` must be \(3,\), got \(2,\)"),
        ({"numbers": [1, np.nan, 6]}, "`numbers` must be whole numbers, got nan in row 1"),
        ({"numbers": ["H", "O", "C"]}, "`numbers` must be numbers, got <U1"),
        ({"positions": None}, "`positions` is missing"),
        ({"positions": None, "scaled_positions": np.zeros((3, 3))}, "`positions` is missing"),
        ({"positions": np.zeros((3, 2))}, r"`positions` must be \(3, 3\), got \(3, 2\)"),
        ({"cell_A": np.eye(3)}, r"`cell_A` must be \(2, 3, 3\), got \(3, 3\)"),
        ({"cell_A": np.stack([np.eye(3)] * 2), "pbc": [True, False]}, r"`pbc` must be \(2, 3\) or \(3,\)"),
    ],
)
def test_what_makes_no_structure_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """Field, rule and what came are in the message."""
    with pytest.raises(DataError, match=message):
        read(tmp_path, **changes)


@pytest.mark.parametrize("pbc", [True, [True, True, False], [[True, True, False], [False] * 3]])
def test_directions_that_repeat_may_be_given_once(tmp_path: Path, pbc: Any) -> None:
    """For all, for each direction, or for each structure."""
    structures = read(tmp_path, cell_A=np.stack([np.eye(3)] * 2), pbc=pbc)
    np.testing.assert_array_equal(structures.pbc, np.broadcast_to(pbc, (2, 3)))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_field_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """Which of the two was meant is anybody's guess."""
    read(tmp_path)
    with zipfile.ZipFile(tmp_path / "flat.npz", "a") as archive:
        archive.writestr("numbers.npy", archive.read("numbers.npy"))
    with pytest.raises(DataError, match="`numbers` is in it twice"):
        read_flat(tmp_path / "flat.npz", None)


def test_fields_that_are_not_wanted_are_not_read(tmp_path: Path) -> None:
    """A field of Python objects harms nobody who does not ask for it."""
    objects = np.array([{"a": 1}, {}], object)
    structures = {"n_atoms": [1, 1], "numbers": [1, 1], "positions": np.zeros((2, 3))}
    np.savez(tmp_path / "flat.npz", allow_pickle=True, strange=objects, e_eV=[1.0, 2.0], **structures)  # type: ignore[arg-type]
    _, fields = read_flat(tmp_path / "flat.npz", {"e_eV"})
    assert set(fields) == {"e_eV"}
