"""Lattice: the pairs of one small periodic structure, from the distances to all images of its atoms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from atomlens.server.structures import Floats, Integers

DISTANCES = 600_000  # looked at together: 149 atoms and 26 images of each; beyond, a grid is faster


def reach_of_images(cell: Floats, pbc: npt.NDArray[np.bool_], cutoff: float) -> Floats:
    """Return how many lattice vectors from an atom's nearest image others within the cutoff may be: (3,).

    The nearest is at most half a vector away along each, and a whole vector leads as far as the cell is high,
    so that n_a ≤ c / h_a + ½.
    """
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    return np.where(pbc, np.floor(cutoff / heights + 0.5 + 1e-9), 0.0)


def is_small(atoms: int, reach: Floats) -> bool:
    """Return whether the distances to all images within reach are few enough to be looked at together."""
    return bool(atoms**2 * (2 * reach + 1).prod() <= DISTANCES)


def lattice_pairs(
    positions: Floats, cell: Floats, pbc: npt.NDArray[np.bool_], cutoff: float, reach: Floats
) -> tuple[Integers, Integers, Integers]:
    """Return every ordered pair (i, j), sorted by i, and the whole lattice vectors that j is moved by.

    With d from i to the nearest image of j and t a lattice vector, |d + t|² = |d|² + |t|² + 2 d·t.

    Args:
        positions: in Å, (atoms, 3).
        cell: in Å, (3, 3), not singular even where nothing repeats.
        pbc: which lattice vectors repeat, (3,).
        cutoff: in Å.
        reach: of images, as `reach_of_images` has it, (3,).
    """
    atoms = len(positions)
    between = (positions - positions[:, None]).reshape(-1, 3)  # (atoms · atoms, 3)
    home = -np.rint(between @ np.linalg.inv(cell)) * pbc
    between += home @ cell
    squares = np.einsum("px,px->p", between, between)
    moves = _moves(cell, reach, cutoff + np.sqrt(squares.max()))
    shifts = moves @ cell
    lengths = np.einsum("mx,mx->m", shifts, shifts)
    near = between @ (-2.0 * shifts.T) > lengths - (cutoff**2 - squares)[:, None]  # (atoms · atoms, moves)
    near[:: atoms + 1, np.flatnonzero(~moves.any(1))] = False  # an atom is not its own neighbor
    pair, move = np.divmod(np.flatnonzero(near), len(moves))
    return *np.divmod(pair, atoms), home[pair].astype(np.int64) + moves[move]


def _moves(cell: Floats, reach: Floats, longest: float) -> Integers:
    """Return the whole lattice vectors within reach that are shorter than ``longest``: (moves, 3)."""
    steps = reach.astype(np.int64)
    moves: Integers = np.indices((2 * steps + 1).tolist()).reshape(3, -1).T - steps
    short: Integers = moves[np.linalg.norm(moves @ cell, axis=1) < longest]
    return short
