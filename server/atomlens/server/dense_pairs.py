"""Dense pairs: how many pairs small molecules have, and which are too close, without a list of them."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from atomlens.server.card import NUMBERS, Card
from atomlens.server.close import SLACK, ClosePairs, flagged
from atomlens.server.dense_work import Narrow
from atomlens.server.structures import Integers, Structures

TOGETHER = 128  # molecules looked at in one pass: more do not stay in the cache
AWAY_ANGSTROM = 1e4  # between empty slots, and from them to any atom


class DensePairs(NamedTuple):
    """What the door must know of the pairs of molecules."""

    counts: Integers  # (structures,) ordered pairs within the cutoff
    close: ClosePairs


class _Candidates(NamedTuple):
    """Pairs that may be close: float32 tells distances apart to 1e-5 Å."""

    structures: Integers  # (candidates,)
    first: Integers  # (candidates,) atom of all
    second: Integers  # (candidates,) atom of all


def find_dense_pairs(
    structures: Structures, centred: Narrow, card: Card, min_distance: float, rows: Integers
) -> DensePairs:
    """Return the numbers of pairs within the cutoff, and the pairs that are closer than in training.

    Args:
        structures: small molecules, similar sizes beside each other.
        centred: their positions near the origin, (atoms, 3) Å.
        card: what the model has seen.
        min_distance: in Å, below which pairs are too close whatever the model has seen.
        rows: indices of the structures in the request, (structures,).
    """
    planes = np.ascontiguousarray(centred.T)  # (3, atoms)
    counts, found = np.zeros(len(structures), np.int64), []
    for start in range(0, len(structures), TOGETHER):
        chosen = slice(start, start + TOGETHER)
        counts[chosen], candidates = _look(structures, planes, chosen, card, min_distance)
        if len(candidates.structures):
            found.append(_close(structures, candidates, card, min_distance, rows))
    return DensePairs(counts, ClosePairs.join(found))


def _look(
    structures: Structures, planes: Narrow, chosen: slice, card: Card, min_distance: float
) -> tuple[Integers, _Candidates]:
    """Return the ordered pairs of each chosen molecule, and the pairs that may be close."""
    starts, sizes = structures.offsets[:-1][chosen], structures.counts[chosen]
    slots = np.arange(sizes.max())[:, None]
    real = slots < sizes  # (slots, structures)
    atoms = np.where(real, starts + slots, 0)
    away = np.where(real, 0.0, AWAY_ANGSTROM * slots).astype(np.float32)
    i, j = _halves(len(slots))
    squares = _squares(planes, atoms, away, i, j)  # (pairs, structures)
    within = np.add.reduce(squares < card.cutoff_angstrom**2, 0, dtype=np.uint16)
    numbers = structures.numbers.take(atoms)
    codes = (numbers * NUMBERS).take(i, 0) + numbers.take(j, 0)
    limits = np.maximum(card.closest_squares.take(codes), np.float32((min_distance + SLACK) ** 2))
    pair, column = np.divmod(np.flatnonzero(squares < limits), len(sizes))
    first, second = atoms[i[pair], column], atoms[j[pair], column]
    return 2 * within.astype(np.int64), _Candidates(column + chosen.start, first, second)


def _squares(planes: Narrow, atoms: Integers, away: Narrow, i: Integers, j: Integers) -> Narrow:
    """Return |r_j − r_i|² of slots i and j, large where one of them is empty: (pairs, structures) Å²."""
    total: Narrow | None = None
    for plane in planes:
        along = plane.take(atoms) + away  # (slots, structures)
        between = along.take(j, 0)
        between -= along.take(i, 0)
        between *= between
        total = between if total is None else np.add(total, between, out=total)
    assert total is not None
    return total


def _close(
    structures: Structures, candidates: _Candidates, card: Card, min_distance: float, rows: Integers
) -> ClosePairs:
    """Return those candidates that are close, from positions as they came."""
    owners, first, second = candidates
    elements = structures.numbers[np.stack([first, second], 1)]
    vectors = structures.positions[second] - structures.positions[first]
    distances = np.sqrt(np.einsum("px,px->p", vectors, vectors))
    limits = card.closest[elements[:, 0], elements[:, 1]]
    starts = structures.offsets[owners]
    pairs = ClosePairs(rows[owners], first - starts, second - starts, elements, distances, limits)
    return pairs.closer_than(np.minimum(flagged(limits, min_distance), card.cutoff_angstrom))


@cache
def _halves(slots: int) -> tuple[Integers, Integers]:
    """Return each pair of slots once, i < j, by i and then by j."""
    i, j = np.triu_indices(slots, 1)
    return i, j
