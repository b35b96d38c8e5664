"""`atomlens.server.dense_pairs`: against the lists of pairs that tables are made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from atomlens.server.card import Card
from atomlens.server.close import ClosePairs
from atomlens.server.dense_pairs import TOGETHER, find_dense_pairs
from atomlens.server.dense_work import centred
from atomlens.server.model import Model
from atomlens.server.neighbors import find_pairs
from atomlens.server.structures import Structures
from atomlens.server.table_work import TableWork

LEAST = 0.01


def dense(card: Card, structures: Structures) -> tuple[list[int], ClosePairs]:
    """Return the numbers of pairs and the close pairs."""
    rows = np.arange(len(structures))
    counts, close = find_dense_pairs(structures, centred(structures), card, LEAST, rows)
    return counts.tolist(), close


def molecules(rng: np.random.Generator, counts: list[int]) -> Structures:
    """Return random molecules as dense as a solid, far from the origin and from each other."""
    atoms = sum(counts)
    size = np.repeat(np.array(counts) ** (1 / 3), counts)[:, None]
    away = np.repeat(rng.uniform(-1e5, 1e5, (len(counts), 3)), counts, 0)
    return Structures.molecules(
        counts, rng.choice([1, 6, 7, 8], atoms), away + rng.uniform(-1.4, 1.4, (atoms, 3)) * size
    )


@pytest.mark.parametrize("cutoff", [1.0, 5.0])
@pytest.mark.parametrize(
    "counts", [[1], [2], [30], [1, 1, 1], [*range(1, 48)], [7] * (2 * TOGETHER + 3)], ids=str
)
def test_pairs_are_those_of_the_lists(
    model: Model, rng: np.random.Generator, counts: list[int], cutoff: float
) -> None:
    """As many of each structure, the same ones close, at the same distances."""
    card, one = replace(model.card, cutoff_angstrom=cutoff), molecules(rng, counts)
    work = TableWork(one, find_pairs(one, cutoff))
    expected = work.close_pairs(card.closest, LEAST, np.arange(len(one)))
    found, close = dense(card, one)
    assert found == (work.costs() - one.counts).tolist()
    order = np.lexsort([close.second, close.first, close.rows])
    for name in ("rows", "first", "second", "elements", "distances", "limits"):
        assert np.array_equal(getattr(close, name)[order], getattr(expected, name)), name


def test_pairs_of_one_structure_are_in_the_order_of_their_atoms(
    model: Model, rng: np.random.Generator
) -> None:
    """The first of several on one place is named in an error."""
    one = molecules(rng, [20, 30, 30])
    _, close = dense(replace(model.card, closest=np.full_like(model.card.closest, 5.0)), one)
    for row in range(3):
        mine = close.take(close.rows == row)
        places = (mine.first * 100 + mine.second).tolist()
        assert places == sorted(places)
        assert len(places) > 30


def test_two_atoms_on_one_place_are_close_whatever_was_seen(model: Model) -> None:
    """Though the model saw that pair at no distance at all."""
    card = replace(model.card, closest=np.zeros_like(model.card.closest))
    twins = Structures.molecules([3], [1, 1, 1], np.array([[0, 0, 0.0], [0, 0, 3], [0, 0, 3 + 0.9 * LEAST]]))
    counts, close = dense(card, twins)
    assert counts == [6]
    assert (close.first.tolist(), close.second.tolist()) == ([1], [2])
