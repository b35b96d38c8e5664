"""DX file: one field of a probe map on a grid for OpenDX, as PyMOL, VMD and ChimeraX read it, in Å."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from atomlens.client.probe.description import model_line, numbers_line
from atomlens.client.probe.number_lines import number_lines

if TYPE_CHECKING:
    from atomlens.client.probe.probe_map import ProbeMap

WIDTH = 3  # values of a line
PIECE = WIDTH * 2**14  # values written together
END = """attribute "dep" string "positions"
object "probe map" class field
component "positions" value 1
component "connections" value 2
component "data" value 3
"""


def write_dx(found: ProbeMap, stream: IO[str]) -> None:
    """Write a map of one field: comments, the grid, and the values, z fastest."""
    grid = found.grid
    counts = " ".join(map(str, grid.counts))
    stream.write(f"# {numbers_line(found)}\n# {model_line(found)}\n# lengths in Angstrom\n")
    stream.write(f"object 1 class gridpositions counts {counts}\n")
    for name, vector in zip(("origin", *["delta"] * 3), (grid.origin, *grid.axes), strict=True):
        stream.write(f"{name} {' '.join(f'{length:.12f}' for length in vector.tolist())}\n")
    stream.write(f"object 2 class gridconnections counts {counts}\n")
    stream.write(f"object 3 class array type double rank 0 items {len(grid)} data follows\n")
    values = found.values[0].ravel()
    for first in range(0, len(values), PIECE):
        stream.write(number_lines(values[first : first + PIECE], WIDTH))
    stream.write(END)
