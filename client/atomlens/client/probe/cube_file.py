"""Cube file: one field of a probe map on a grid as Gaussian writes densities, in Bohr."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, TYPE_CHECKING

from atomlens.client.probe.description import model_line, numbers_line
from atomlens.client.probe.number_lines import number_lines
from atomlens.client.structure import Floats

if TYPE_CHECKING:
    from atomlens.client.probe.probe_map import ProbeMap

BOHR_ANGSTROM = 0.529177210903  # CODATA 2018
WIDTH = 6  # values of a line


def write_cube(found: ProbeMap, stream: IO[str]) -> None:
    """Write a map of one field: two comments, the grid, the atoms, and the values, z fastest.

    Counts are positive, which says that lengths are in Bohr. Each row along z begins a line.
    """
    grid, structure = found.grid, found.structure
    stream.write(f"{numbers_line(found)}\n{model_line(found)}\n")
    stream.write(_line(len(structure), grid.origin))
    for count, axis in zip(grid.counts, grid.axes, strict=True):
        stream.write(_line(count, axis))
    for number, position in zip(structure.numbers.tolist(), structure.positions, strict=True):
        stream.write(_line(number, position, [float(number)]))
    for plane in found.values[0]:  # (y, z)
        stream.write("".join(number_lines(row, WIDTH) for row in plane))


def _line(first: int, lengths_angstrom: Floats, others: Iterable[float] = ()) -> str:
    numbers = [*others, *(lengths_angstrom / BOHR_ANGSTROM).tolist()]
    return f"{first:6d}" + "".join(f" {number:18.12f}" for number in numbers) + "\n"
