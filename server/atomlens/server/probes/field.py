"""Field: the atoms of one structure that a probe feels, images among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from atomlens.server.errors import InputError
from atomlens.server.grid import TooManyPairsError, images_near, lattice_steps
from atomlens.server.structures import Floats, Integers, Structures

MOST_IMAGES = 500_000  # 150 bytes each while they are found, 40 as long as the probe lasts


@dataclass(frozen=True, slots=True)
class Field:
    """Atoms, and all images of them that a point in the home cell may feel.

    The home cell is the structure's own or, of a periodic structure without some atoms, the one around the
    first of them: then points near it are in the cell whose copy is left out.
    """

    origin: Floats  # (3,) Å, where the home cell begins; positions are from here on
    atoms: Integers  # (field,) which atom of the structure each is
    numbers: Integers  # (field,)
    positions: Floats  # (field, 3) Å
    cell: Floats  # (3, 3) Å, not singular even where nothing repeats
    pbc: npt.NDArray[np.bool_]  # (3,)

    @classmethod
    def of(cls, structure: Structures, cutoff_angstrom: float, left_out: Integers) -> Field:
        """Return the field of one structure without the atoms left out, whose images stay.

        Raises:
            InputError: it has too many images.
        """
        cell, pbc = structure.complete_cells[0], structure.pbc[0]
        origin = np.zeros(3)
        if pbc.any() and len(left_out):
            origin = structure.positions[left_out[0]] - 0.5 * cell[pbc].sum(0)
        positions = structure.positions - origin
        try:
            images = images_near(positions, cell, pbc, cutoff_angstrom, MOST_IMAGES, whole_cell=True)
        except TooManyPairsError:
            raise InputError(
                f"probes may feel at most {MOST_IMAGES} images of a structure's atoms, this one has more",
                "STRUCTURE_TOO_LARGE",
                "structures[0].cells",
            ) from None
        felt = np.setdiff1d(np.arange(len(images.atoms)), left_out)  # the atoms themselves come first
        atoms = images.atoms[felt]
        return cls(origin, atoms, structure.numbers[atoms], images.points[felt], cell, pbc)

    def home(self, points: Floats) -> Floats:
        """Return points, by whole lattice vectors in the home cell, from its origin on: (points, 3) Å."""
        if not self.pbc.any():
            return points
        inside = points - self.origin
        moved: Floats = inside - lattice_steps(inside @ np.linalg.inv(self.cell), self.pbc) @ self.cell
        return moved
