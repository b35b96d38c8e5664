"""Water: boxes of water of any size at one density, the same ones every time, and the pairs in them."""

from __future__ import annotations

import numpy as np

from atomlens.server.neighbors import find_pairs
from atomlens.server.structures import Floats, Structures

SEED = 0
VOLUME = 29.9  # Å³ of a molecule at 1 g/cm³
BOND, ANGLE = 0.9572, np.deg2rad(104.52)  # Å, of a water molecule
NUMBERS = (8, 1, 1)
TILT = 0.08  # of a quaternion: about 10 degrees about each axis


def water_boxes(atoms: int, count: int) -> Structures:
    """Return periodic cubes of water of ``atoms`` atoms each, a multiple of three.

    Molecules sit on a cubic lattice with as many sites as there need to be, some of them empty, turned at
    random, but so little that hydrogens keep apart.
    """
    if atoms % 3:
        raise ValueError(f"`atoms` must be a multiple of 3, got {atoms}")
    rng = np.random.default_rng(SEED)
    molecules = atoms // 3
    edge = (molecules * VOLUME) ** (1 / 3)
    positions = np.concatenate([_box(rng, molecules, edge) for _ in range(count)])
    return Structures(
        np.full(count, atoms, np.int64),
        np.tile(np.array(NUMBERS, np.int64), molecules * count),
        positions,
        np.tile(edge * np.eye(3), (count, 1, 1)),
        np.ones((count, 3), np.bool_),
        np.zeros(count),
        np.zeros(count, np.int64),
    )


def pairs_within(structures: Structures, cutoff_angstrom: float) -> int:
    """Return how many ordered pairs are closer than the cutoff."""
    return len(find_pairs(structures.placed, cutoff_angstrom).centers)


def _box(rng: np.random.Generator, molecules: int, edge: float) -> Floats:
    """Return positions (atoms, 3) of one box in Å."""
    side = int(np.ceil(molecules ** (1 / 3) - 1e-9))
    sites = rng.permutation(side**3)[:molecules]
    centers = np.stack(np.unravel_index(sites, (side, side, side)), 1) * (edge / side)  # (molecules, 3)
    out, up = BOND * np.sin(ANGLE / 2) / np.sqrt(2), BOND * np.cos(ANGLE / 2)
    shape = np.array([[0.0, 0.0, 0.0], [out, out, up], [-out, -out, up]])
    turned = np.einsum("mxy,ay->max", _turns(rng, molecules), shape)  # (molecules, 3 atoms, 3)
    atoms: Floats = (centers[:, None] + turned).reshape(-1, 3)
    return atoms


def _turns(rng: np.random.Generator, count: int) -> Floats:
    """Return small random rotations (count, 3, 3), from unit quaternions."""
    q = rng.normal([1.0, 0.0, 0.0, 0.0], [0.0, *[TILT] * 3], (count, 4))
    w, x, y, z = (q / np.linalg.norm(q, axis=1)[:, None]).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)
