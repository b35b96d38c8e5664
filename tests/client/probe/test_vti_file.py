"""`atomlens.client.probe.vti_file`."""

from __future__ import annotations

import struct
from base64 import b64decode
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import pytest

from atomlens.client import InputError
from atomlens.client.probe import Grid
from atomlens.client.probe import vti_file as module
from atomlens.client.structure import Floats

from .conftest import ALIGNED, COUNTS, CRYSTAL, SKEWED, probe_map

DTYPES = {"Float32": "<f4", "UInt8": "<u1"}


class Image:
    """What a reader of VTK's image data takes out of a file."""

    def __init__(self, path: Path) -> None:
        root = ElementTree.parse(path).getroot()
        assert root.attrib == {
            "type": "ImageData",
            "version": "1.0",
            "byte_order": "LittleEndian",
            "header_type": "UInt64",
        }
        (image,) = root
        (piece,) = image.findall("Piece")
        assert piece.attrib["Extent"] == image.attrib["WholeExtent"]
        self.attributes = {name: np.array(text.split(), np.float64) for name, text in image.attrib.items()}
        self.counts = (self.attributes["WholeExtent"][1::2] + 1).astype(int)
        data = piece.find("PointData")
        assert data is not None
        self.scalars = data.attrib["Scalars"]
        self.arrays = {one.attrib["Name"]: self._array(one) for one in data}
        self.texts = {one.attrib["Name"]: _text(one) for one in image.findall("FieldData/DataArray")}

    def points(self) -> Floats:
        """Return the points, the first index fastest, as VTK places them: (points, 3) Å."""
        k, j, i = np.indices(self.counts[::-1].tolist()).reshape(3, -1)
        steps = np.stack([i, j, k], axis=1) * self.attributes["Spacing"]
        points: Floats = self.attributes["Origin"] + steps @ self.attributes["Direction"].reshape(3, 3).T
        return points

    def _array(self, one: ElementTree.Element) -> npt.NDArray[Any]:
        assert one.attrib["format"] == "binary"
        content = b64decode(one.text or "", validate=True)
        (size,) = struct.unpack("<Q", content[:8])
        assert size == len(content) - 8
        return np.frombuffer(content[8:], DTYPES[one.attrib["type"]])


def _text(one: ElementTree.Element) -> str:
    codes = [int(code) for code in (one.text or "").split()]
    assert codes.pop() == 0
    return bytes(codes).decode("ascii")


def turned() -> Grid:
    """Return a grid of axes at right angles that lead nowhere in particular, one of them mirrored."""
    directions, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    return Grid([1.0, 2.0, 3.0], directions * [[0.1], [-0.2], [0.3]], COUNTS)


@pytest.mark.parametrize("piece", [module.PIECE, 99], ids=["whole", "pieces"])
@pytest.mark.parametrize("grid", [ALIGNED, turned()], ids=["aligned", "turned"])
def test_what_is_in_a_file(grid: Grid, piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every value is at its point, for all fields, with what extrapolates beside them."""
    monkeypatch.setattr(module, "PIECE", piece)
    found = probe_map(grid, heads=("energy", "charge"))
    assert found.write(tmp_path / "out.vti") == (tmp_path / "out.vti",)
    image = Image(tmp_path / "out.vti")
    order = np.arange(len(grid)).reshape(COUNTS).transpose().ravel()  # the first index fastest
    np.testing.assert_allclose(image.points(), grid.points()[order], rtol=0, atol=1e-14)
    assert image.scalars == "energy.H"
    for label, values, mask in zip(found.labels, found.values, found.extrapolating, strict=True):
        np.testing.assert_array_equal(image.arrays[label], values.ravel()[order])
        np.testing.assert_array_equal(image.arrays[f"extrapolating.{label}"], mask.ravel()[order])
    assert image.texts["model"] == f"model m@2 digest {'ab' * 32}"
    assert "C of charge in e" in image.texts["description"]


def test_skewed_axes(tmp_path: Path) -> None:
    """Image data has none: the error names formats that do, and nothing is written."""
    with pytest.raises(InputError, match=r"right angles in a \.vti file, these are skewed: write \.cube"):
        probe_map(SKEWED, CRYSTAL).write(tmp_path / "out.vti")
    assert list(tmp_path.iterdir()) == []
