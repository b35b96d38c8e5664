"""VTI file: the fields of a probe map on a grid as VTK image data, for ParaView and PyVista, in Å."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import numpy.typing as npt

from atomlens.client.errors import InputError
from atomlens.client.probe.description import model_line, numbers_line
from atomlens.client.probe.grid import Grid

if TYPE_CHECKING:
    from atomlens.client.probe.probe_map import ProbeMap

RIGHT = 1e-6  # cosine of an angle between axes that is a right one
PIECE = 3 * 2**20  # bytes encoded together: a multiple of 3 leaves no padding amid the text
TYPES = {"float32": "Float32", "uint8": "UInt8"}
HEAD = '<VTKFile type="ImageData" version="1.0" byte_order="LittleEndian" header_type="UInt64">'


def write_vti(found: ProbeMap, stream: IO[str]) -> None:
    """Write every field in float32, and beside each where it extrapolates.

    Axes at right angles may point anywhere; raises `InputError` for skewed ones.
    """
    grid = found.grid
    _check(grid)
    stream.write(f'<?xml version="1.0"?>\n{HEAD}\n<ImageData {_attributes(_geometry(grid))}>\n')
    stream.write(f"<FieldData>{''.join(_text(name, text) for name, text in _texts(found))}</FieldData>\n")
    stream.write(f'<Piece Extent="{_extent(grid)}">\n<PointData Scalars={quoteattr(found.labels[0])}>\n')
    for label, values, mask in zip(found.labels, found.values, found.extrapolating, strict=True):
        _write_array(label, values.astype("<f4"), stream)
        _write_array(f"extrapolating.{label}", mask.astype("u1"), stream)
    stream.write("</PointData>\n</Piece>\n</ImageData>\n</VTKFile>\n")


def _geometry(grid: Grid) -> dict[str, str]:
    lengths = np.linalg.norm(grid.axes, axis=1)
    directions = (grid.axes / lengths[:, None]).T  # (3, axes), each column a unit vector
    return {
        "WholeExtent": _extent(grid),
        "Origin": _numbers(grid.origin),
        "Spacing": _numbers(lengths),
        "Direction": _numbers(directions.ravel()),
    }


def _write_array(name: str, values: npt.NDArray[Any], stream: IO[str]) -> None:
    """Write an array in base64, after the number of its bytes; the first index counts fastest."""
    content = values.transpose().tobytes()  # (k, j, i)
    data = struct.pack("<Q", len(content)) + content
    stream.write(f'<DataArray type="{TYPES[values.dtype.name]}" Name={quoteattr(name)} format="binary">')
    for first in range(0, len(data), PIECE):
        stream.write(b64encode(data[first : first + PIECE]).decode())
    stream.write("</DataArray>\n")


def _texts(found: ProbeMap) -> Iterator[tuple[str, str]]:
    yield "description", numbers_line(found)
    yield "model", model_line(found)


def _text(name: str, text: str) -> str:
    """Return a text as VTK has it in a file: its codes, and 0 at the end."""
    codes = " ".join(map(str, [*text.encode("ascii"), 0]))
    return f'<DataArray type="String" Name="{name}" NumberOfTuples="1" format="ascii">{codes}</DataArray>'


def _attributes(attributes: dict[str, str]) -> str:
    return " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())


def _extent(grid: Grid) -> str:
    return " ".join(f"0 {count - 1}" for count in grid.counts)


def _numbers(values: Iterable[float]) -> str:
    return " ".join(repr(float(value)) for value in values)


def _check(grid: Grid) -> None:
    units = grid.axes / np.linalg.norm(grid.axes, axis=1)[:, None]
    if not np.abs(units @ units.T - np.eye(3)).max() < RIGHT:
        raise InputError(
            "`axes` must be at right angles in a .vti file, these are skewed: write .cube, .dx or .npz",
            reason="SKEWED_AXES",
            field="axes",
        )
