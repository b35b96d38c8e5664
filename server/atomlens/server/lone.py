"""Lone: one small molecule that keeps every rule, admitted in a few steps, for most calls ask about one.

It finds nothing that `admission` would not; what it cannot wave through is looked at there.
"""

from __future__ import annotations

import numpy as np

from atomlens.server.card import NUMBERS, Card
from atomlens.server.close import SLACK
from atomlens.server.dense_work import MOST_ATOMS, WIDEST_ANGSTROM, DenseWork, Narrow
from atomlens.server.limits import Limits
from atomlens.server.structures import Floats, Integers, Structures


def admit_lone(structures: Structures, card: Card, limits: Limits) -> DenseWork | None:
    """Return the work of one plain molecule; None where there is more to be said, or more than one."""
    atoms = len(structures.numbers)
    if len(structures) != 1 or not 0 < atoms <= min(MOST_ATOMS, limits.max_atoms):
        return None
    if 0 < card.max_training_atoms < atoms or 0 not in card.charges or not structures.are_plain:
        return None
    if np.count_nonzero(card.known.take(structures.numbers, mode="clip")) < atoms:
        return None
    centred = _centred(structures.positions, limits)
    pairs = None if centred is None else _pairs(structures.numbers, centred, card, limits)
    if (
        centred is None
        or pairs is None
        or atoms + pairs > min(limits.max_structure_cost, limits.max_request_cost)
    ):
        return None
    return DenseWork(structures.counts, np.array([atoms + pairs]), structures.numbers, centred)


def _centred(positions: Floats, limits: Limits) -> Narrow | None:
    """Return positions from the middle of their box on, None where they are far, wide or no numbers."""
    low, high = np.minimum.reduce(positions, 0), np.maximum.reduce(positions, 0)
    far = limits.max_coordinate_angstrom
    for least, most in zip(low.tolist(), high.tolist(), strict=True):
        if not (-far <= least and most <= far and most - least <= WIDEST_ANGSTROM):  # true for NaN
            return None
    centred: Narrow = (positions - 0.5 * (low + high)).astype(np.float32)
    return centred


def _pairs(numbers: Integers, centred: Narrow, card: Card, limits: Limits) -> int | None:
    """Return the number of ordered pairs within the cutoff, None where two atoms may be close."""
    planes = np.ascontiguousarray(centred.T)
    between = planes[:, :, None] - planes[:, None, :]  # (3, atoms, atoms)
    between *= between
    squares = np.add.reduce(between, 0)
    squares.reshape(-1)[:: len(numbers) + 1] = np.inf  # of an atom with itself
    closest = card.closest_squares.take(numbers[:, None] * NUMBERS + numbers)
    np.maximum(closest, np.float32((limits.min_distance_angstrom + SLACK) ** 2), out=closest)
    if np.count_nonzero(squares < closest):
        return None
    return int(np.count_nonzero(squares < card.cutoff_angstrom**2))
