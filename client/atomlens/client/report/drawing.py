"""Drawing: what of a structure is drawn, atoms with images on the faces of a cell, bonds and edges."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from atomlens.client.elements import SYMBOLS
from atomlens.client.errors import MissingExtraError
from atomlens.client.frozen import Frozen
from atomlens.client.report.images import Frame
from atomlens.client.structure import Floats, Structure

REACH = 1.15  # of bonds, in sums of covalent radii: what `atomlens study` uses too
ON_FACE = 1e-3  # of a lattice vector
PALE, SOFTENED = 0.82, 0.35  # a grey, and how much of it is in the colour of an element
UNKNOWN_COLOR = "#b0b0b0"
Integers = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Drawing(Frozen):
    """Bodies and lines; an atom on a face of a cell is drawn on the opposite face too."""

    atoms: Integers  # (drawn,) which atom each is
    positions: Floats  # (drawn, 3) Å
    bonds: Integers  # (bonds, 2) indices of what is drawn
    edges: Floats  # (edges, 2, 3) Å, of the cell
    view: Floats  # (3, 3) unit vectors to the right, upwards and towards the reader

    @classmethod
    def of(cls, structure: Structure) -> Drawing:
        """Return the drawing of a structure."""
        frame = Frame.of(structure)
        atoms, positions = _drawn(structure, frame)
        edges = np.zeros((0, 2, 3)) if not frame.dimensions else _edges(frame)
        bonds = _bonds(positions, radii(structure.numbers)[atoms])
        return cls(atoms, positions, bonds, edges, _view(positions, frame))


def radii(numbers: npt.NDArray[np.uint8]) -> Floats:
    """Return the covalent radius of each atom in Å: (atoms,)."""
    try:
        from ase.data import covalent_radii
    except ImportError as error:
        raise MissingExtraError("report", "a drawing") from error
    found: Floats = covalent_radii[numbers]
    return found


def color(symbol: str) -> str:
    """Return the colour that chemists know an element by, less loud."""
    try:
        from ase.data.colors import jmol_colors
    except ImportError as error:
        raise MissingExtraError("report", "a drawing") from error
    number = SYMBOLS.index(symbol)
    if number >= len(jmol_colors):
        return UNKNOWN_COLOR
    parts = SOFTENED * PALE + (1 - SOFTENED) * jmol_colors[number]
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)


def _drawn(structure: Structure, frame: Frame) -> tuple[Integers, Floats]:
    """Return the atoms of the cell, and those on its faces once more on the opposite ones."""
    coordinates = frame.coordinates(structure.positions)
    atoms = np.arange(len(structure), dtype=np.int32)
    for axis in np.flatnonzero(frame.repeats):
        coordinates[:, axis] -= np.floor(coordinates[:, axis] + ON_FACE)
        again = np.flatnonzero(np.abs(coordinates[:, axis]) <= ON_FACE)
        copies = coordinates[again]
        copies[:, axis] += 1.0
        atoms, coordinates = np.append(atoms, atoms[again]), np.append(coordinates, copies, axis=0)
    return atoms, coordinates @ frame.basis


def _bonds(positions: Floats, covalent: Floats) -> Integers:
    """Return pairs that are nearer to each other than their covalent radii reach."""
    from scipy.spatial import cKDTree

    pairs = cKDTree(positions).query_pairs(2 * REACH * covalent.max(), output_type="ndarray")
    apart = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    bonded = apart < REACH * covalent[pairs].sum(axis=1)
    found: Integers = pairs[bonded].astype(np.int32)
    return found[np.lexsort(found.T[::-1])]


def _edges(frame: Frame) -> Floats:
    """Return the edges of the cell along what repeats: (edges, 2, 3)."""
    corners = np.array(list(product(*([0, 1] if repeats else [0] for repeats in frame.repeats))))
    pairs = [
        (one, one + step)
        for step in np.eye(3, dtype=np.int64)[list(frame.repeats)]
        for one in corners
        if not (one * step).any()
    ]
    edges: Floats = np.array(pairs) @ frame.basis
    return edges


def _view(positions: Floats, frame: Frame) -> Floats:
    """Return from where one sees most: molecules lie flat and long, crystals are seen a little from above."""
    if frame.dimensions == 3:
        right, up = np.array([0.93, -0.37, 0.0]), np.array([-0.10, -0.25, 0.963])
    else:
        centered = positions - positions.mean(axis=0)
        _, axes = np.linalg.eigh(centered.T @ centered)  # columns, the longest last
        right, up = _towards(axes[:, 2]), _towards(axes[:, 1])
    right = right / np.linalg.norm(right)
    up = up - (up @ right) * right
    up = up / np.linalg.norm(up)
    return np.stack([right, up, np.cross(right, up)])


def _towards(axis: Floats) -> Floats:
    """Return an axis or its opposite: the one whose largest part is positive."""
    turned: Floats = axis * np.sign(axis[np.abs(axis).argmax()])
    return turned
