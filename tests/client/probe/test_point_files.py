"""`atomlens.client.probe.point_files`."""

from __future__ import annotations

import io
from pathlib import Path

import ase.io
import numpy as np
import numpy.typing as npt
import pytest
from ase import Atoms

from atomlens.client import InputError, UnreadableFileError
from atomlens.client.probe.point_files import read_points

POINTS = [[0.0, 1.5, -2.0], [1e-3, 0.25, 3.0]]
TEXTS = {
    "blanks": "0 1.5 -2\n 1e-3\t0.25  3.0\n",
    "commas": "0, 1.5, -2\n1e-3,0.25,3\n",
    "comments": "# x y z\n0 1.5 -2 # the first\n\n1e-3 0.25 3",
    "one": "0 1.5 -2",
}


RULE = "must hold three finite numbers, x y z in Å"


def saved(values: npt.NDArray[np.float64]) -> bytes:
    """Return an array as NumPy writes it."""
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("suffix", [".txt", ".dat", ".csv", ".tsv", ".TXT"])
def test_text(name: str, suffix: str, tmp_path: Path) -> None:
    """Three columns in Å, parted by blanks or commas, with comments."""
    path = tmp_path / f"points{suffix}"
    path.write_text(TEXTS[name])
    assert read_points(path).tolist() == (POINTS[:1] if name == "one" else POINTS)


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8"])
def test_numpy(dtype: str, tmp_path: Path) -> None:
    """An array of three columns, of whatever numbers."""
    values = np.arange(12).reshape(4, 3).astype(np.dtype(dtype))
    np.save(tmp_path / "points.npy", values)
    assert read_points(str(tmp_path / "points.npy")).tolist() == values.tolist()


@pytest.mark.parametrize("suffix", ["xyz", "cif", "json"])
def test_structures(suffix: str, tmp_path: Path) -> None:
    """Of a structure file, or of a part of one, the points are the atoms."""
    atoms = Atoms("HO", np.array(POINTS) + 3, cell=[9, 9, 9], pbc=True)
    path = tmp_path / f"points.{suffix}"
    ase.io.write(path, atoms)
    np.testing.assert_allclose(read_points(f"{path}@0"), np.array(POINTS) + 3, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "it holds no points"),
        ("a.txt", b"# x y z\n\n", "it holds no points"),
        ("a.txt", b"1 2\n3 4", f"line 1 {RULE}, got '1 2'"),
        ("a.txt", b"1 2 nan", f"line 1 {RULE}, got '1 2 nan'"),
        ("a.csv", b"# of water\nx,y,z\n1,2,3\n", f"line 2 {RULE}, got 'x y z'"),
        ("a.txt", b"# of water\r\n1 2 3\r\n\r\n4 5\r\n", f"line 4 {RULE}, got '4 5'"),
        ("a.txt", b"1 2 3 # 4\n4 5 6 7", f"line 2 {RULE}, got '4 5 6 7'"),
        ("a.txt", 60 * b"1 ", f"line 1 {RULE}, got '{20 * '1 '}'"),
        ("a.txt", b"\xff\xfe", "it cannot be read: 'utf-8' codec"),
        ("a.npy", b"PK\x03\x04", "it cannot be read: "),
        ("a.npy", b"no array", "it cannot be read: "),
        ("a.npy", saved(np.zeros((0, 3))), "it holds no points"),
        ("a.npy", saved(np.zeros(3)), "`points` must be (points, 3), got (3,)"),
        ("a.npy", saved(np.full((2, 3), np.nan)), "`points` must be finite, got nan"),
        ("a.npy", b"", "it cannot be read: "),
        ("a.txt", None, "there is no such file"),
        ("a.npy", None, "there is no such file"),
    ],
)
def test_files_without_points(name: str, content: bytes | None, message: str, tmp_path: Path) -> None:
    """They are refused by name, with what is wrong."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableFileError) as caught:
        read_points(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert caught.value.reason


def test_several_structures(molecule_file: Path) -> None:
    """Which of several structures is meant must be said."""
    with pytest.raises(InputError, match="holds several structures"):
        read_points(molecule_file)
