"""Structures from the flat arrays of a file."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atomlens.client import Structures, UnreadableFileError

MOLECULES: dict[str, Any] = {
    "n_atoms": np.array([1, 2], np.int16),
    "numbers": np.array([8, 6, 1], np.uint8),
    "positions": np.arange(9, dtype=np.float32).reshape(3, 3),
    "u0_eV": np.zeros(2),
}
CRYSTALS: dict[str, Any] = {
    "n_atoms": np.array([1, 2]),
    "numbers": np.array([11, 11, 17]),
    "scaled_positions": np.array([[0.5, 0.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]),
    "cell_A": np.array([[[2.0, 0, 0], [1, 3, 0], [0, 0, 4]], 5.0 * np.eye(3)]),
}


def saved(path: Path, arrays: dict[str, Any]) -> Path:
    """Return a file with these arrays."""
    np.savez(path / "flat.npz", **arrays)
    return path / "flat.npz"


def test_molecules(tmp_path: Path) -> None:
    """Molecules are read in one go, named by file and index; labels are none of a batch's business."""
    path = saved(tmp_path, MOLECULES)
    batch = Structures.load(path)
    assert batch.counts.tolist() == [1, 2]
    assert batch.numbers.tolist() == [8, 6, 1]
    assert batch.positions.tolist() == MOLECULES["positions"].tolist()
    assert (batch.cells, batch.pbc) == (None, None)
    assert batch.ids == (f"{path}@0", f"{path}@1")


def test_crystals(tmp_path: Path) -> None:
    """Cells make structures periodic; fractions of them are positions, lattice vectors being rows."""
    batch = Structures.load(str(saved(tmp_path, CRYSTALS)))
    assert batch.positions.tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [2.5, 2.5, 2.5]]
    assert batch.cells is not None
    assert batch.cells.tolist() == CRYSTALS["cell_A"].tolist()
    assert batch.pbc is not None
    assert batch.pbc.all()
    slab = Structures.load(saved(tmp_path, CRYSTALS | {"pbc": [True, True, False]}))
    assert slab.pbc is not None
    assert slab.pbc.tolist() == [[True, True, False]] * 2


@pytest.mark.parametrize(
    ("arrays", "field", "message"),
    [
        ({"numbers": MOLECULES["numbers"]}, "n_atoms", "`n_atoms` is missing"),
        ({"n_atoms": [1]}, "numbers", "`numbers` is missing"),
        ({"n_atoms": [1], "numbers": [8]}, "positions", "`positions` is missing"),
        (MOLECULES | {"n_atoms": [1, 1]}, "numbers", "each of 2 atoms in `n_atoms`, got 3"),
        (MOLECULES | {"n_atoms": [[3]]}, "n_atoms", "`n_atoms` must be (structures,), got (1, 1)"),
        (MOLECULES | {"n_atoms": [1.5, 1.5]}, "n_atoms", "`n_atoms` must be integers, got float64"),
        (MOLECULES | {"numbers": [8, 6, 200]}, "numbers", "from 1 to 118, got 200"),
        (MOLECULES | {"positions": np.zeros((3, 2))}, "positions", "must be (atoms, 3), got (3, 2)"),
        (MOLECULES | {"positions": np.array(["x"])}, "positions", "`positions` must be numbers, got <U1"),
        (CRYSTALS | {"cell_A": np.eye(3)}, "cell_A", "must be (structures, 3, 3), (2, 3, 3), got (3, 3)"),
        (CRYSTALS | {"scaled_positions": np.zeros((2, 3))}, "scaled_positions", "(3, 3), got (2, 3)"),
        (MOLECULES | {"numbers": np.array([None] * 3)}, None, "it cannot be read: Object arrays"),
    ],
)  # fmt: skip
def test_bad_files(tmp_path: Path, arrays: dict[str, Any], field: str | None, message: str) -> None:
    """A file that holds no batch is refused on one line that names it and the field."""
    path = saved(tmp_path, arrays)
    with pytest.raises(UnreadableFileError) as caught:
        Structures.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert caught.value.field == (field or str(path))


@pytest.mark.parametrize("content", [b"", b"not a zip", None, "cut"], ids=["empty", "text", "none", "cut"])
def test_no_files(tmp_path: Path, content: Any) -> None:
    """What is no .npz file, is damaged or is not there is an error that says so."""
    path = saved(tmp_path, MOLECULES)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-40] if content == "cut" else content)
    with pytest.raises(UnreadableFileError, match=r"there is no such file|it is no \.npz file, or damaged"):
        Structures.load(path)


def test_damaged_array(tmp_path: Path) -> None:
    """Bytes that changed are noticed."""
    path = saved(tmp_path, MOLECULES)
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("positions.npy").header_offset
    damaged = bytearray(path.read_bytes())
    damaged[start + 200] ^= 255
    path.write_bytes(damaged)
    with pytest.raises(UnreadableFileError, match="it cannot be read"):
        Structures.load(path)
