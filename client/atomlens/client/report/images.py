"""Images: the atoms of a structure and their images, as far as some region feels them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from atomlens.client.errors import InputError
from atomlens.client.frozen import Frozen
from atomlens.client.structure import Floats, Structure
from atomlens.client.volume import spans_volume

MAX_IMAGES = 2_000_000
SPHERES = {1: 2.0, 2: 2 * math.pi, 3: 4 * math.pi}  # the surface of the unit ball by dimension


@dataclass(frozen=True, slots=True, eq=False)
class Frame(Frozen):
    """Three vectors that span space: lattice vectors where a structure repeats, elsewhere unit vectors."""

    basis: Floats  # (3, 3) Å, rows
    repeats: tuple[bool, bool, bool]

    @classmethod
    def of(cls, structure: Structure) -> Frame:
        """Return the frame of a structure; raises `InputError` for one without atoms or with a flat cell."""
        _check(structure)
        repeats = structure.pbc.tolist()
        if structure.cell is None or not any(repeats):
            return cls(np.eye(3), (False, False, False))
        basis = np.array(structure.cell)
        rest = np.linalg.svd(basis[structure.pbc])[2][sum(repeats) :]  # (others, 3) normal to what repeats
        basis[~structure.pbc] = rest
        if not spans_volume(basis):
            raise InputError("`cell` must span what repeats, got vectors that do not", field="cell")
        return cls(basis, (repeats[0], repeats[1], repeats[2]))

    @property
    def dimensions(self) -> int:
        """Along how many vectors the structure repeats."""
        return sum(self.repeats)

    def coordinates(self, points: Floats) -> Floats:
        """Return points in units of the three vectors: (points, 3)."""
        coordinates: Floats = points @ np.linalg.inv(self.basis)
        return coordinates

    def reach(self, radius_angstrom: float) -> Floats:
        """Return how far a sphere extends in units of each vector: (3,)."""
        reach: Floats = radius_angstrom * np.linalg.norm(np.linalg.inv(self.basis), axis=0)
        return reach


def images(structure: Structure, frame: Frame, radius_angstrom: float) -> Floats:
    """Return the positions of all atoms and images that are within a radius of the cell: (images, 3) Å.

    Raises `InputError` where there would be too many to work with.
    """
    coordinates, reach = frame.coordinates(structure.positions), frame.reach(radius_angstrom)
    expected = len(structure) * math.prod(
        1 + 2 * far for far, repeats in zip(reach, frame.repeats, strict=True) if repeats
    )
    if expected > MAX_IMAGES:
        raise too_slow(f"about {expected:.0g} images of atoms matter to it")
    for axis in np.flatnonzero(frame.repeats):
        coordinates = _repeated(coordinates, int(axis), float(reach[axis]))
    found: Floats = coordinates @ frame.basis
    return found


def too_slow(why: str) -> InputError:
    """Return the error of a surface that would take too long."""
    return InputError(f"`surface` must be of a higher power or further in: {why}", field="surface")


def _repeated(coordinates: Floats, axis: int, reach: float) -> Floats:
    """Return atoms and their images along one axis, those from -reach to 1 + reach."""
    wrapped = coordinates.copy()
    wrapped[:, axis] -= np.floor(wrapped[:, axis])
    steps = np.zeros((2 * math.ceil(reach) + 1, 1, 3))
    steps[:, 0, axis] = np.arange(len(steps)) - len(steps) // 2
    every: Floats = (wrapped + steps).reshape(-1, 3)
    return every[(every[:, axis] >= -reach) & (every[:, axis] <= 1 + reach)]


def _check(structure: Structure) -> None:
    if not len(structure):
        raise InputError("`structure` must have atoms, got none", field="structure")
    if not np.isfinite(structure.positions).all():
        raise InputError("`positions` must be finite", reason="NOT_FINITE", field="positions")
    if structure.pbc.any() and (structure.cell is None or not np.isfinite(structure.cell).all()):
        raise InputError(
            "`cell` must be given where a structure repeats", reason="MISSING_CELL", field="cell"
        )
