"""`atomlens.server.dense_work`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from atomlens.server.dense_work import MOST_ATOMS, WIDEST_ANGSTROM, DenseWork, are_small, centred
from atomlens.server.shapes import EXACT, ROUNDED, Shapes
from atomlens.server.structures import Structures


def random_work(counts: list[int], seed: int) -> DenseWork:
    """Return molecules of these sizes, whose costs are twice their atoms."""
    rng = np.random.default_rng(seed)
    atoms = sum(counts)
    one = Structures.molecules(counts, rng.integers(1, 9, atoms), rng.uniform(0, 5, (atoms, 3)))
    return DenseWork.of(one, 2 * one.counts)


def same(one: DenseWork, other: DenseWork) -> bool:
    """Return whether all arrays are equal, bit by bit."""
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("counts", "costs", "numbers", "positions")
    )


batches = st.lists(st.integers(1, 12), min_size=1, max_size=200)


@settings(max_examples=60, deadline=None)
@given(counts=batches, seed=st.integers(0, 2**32 - 1), batch_cost=st.integers(1, 500))
def test_pieces_joined_are_the_whole(counts: list[int], seed: int, batch_cost: int) -> None:
    """Cutting and joining lose nothing; a piece keeps within the cost unless it is a single structure."""
    work = random_work(counts, seed)
    pieces = list(work.pieces(batch_cost))
    assert same(DenseWork.join(pieces), work)
    for piece in pieces:
        assert len(piece.counts) == 1 or piece.load.fits(batch_cost)


@settings(max_examples=60, deadline=None)
@given(counts=batches, seed=st.integers(0, 2**32 - 1), data=st.data())
def test_taking_structures_is_making_their_work(counts: list[int], seed: int, data: st.DataObject) -> None:
    """The work of chosen structures is what they would have been alone."""
    work = random_work(counts, seed)
    rows = data.draw(st.lists(st.sampled_from(range(len(counts))), unique=True).map(sorted))
    chosen = np.array(rows, np.int64)
    ends = np.cumsum(work.counts)
    atoms = np.concatenate([np.arange(ends[row] - counts[row], ends[row]) for row in rows] or [chosen])
    alone = DenseWork(work.counts[chosen], work.costs[chosen], work.numbers[atoms], work.positions[atoms])
    assert same(work.take(chosen), alone)


@settings(max_examples=60, deadline=None)
@given(counts=batches, seed=st.integers(0, 2**32 - 1), shapes=st.sampled_from([EXACT, ROUNDED]))
def test_runs_hold_every_atom_once(counts: list[int], seed: int, shapes: Shapes) -> None:
    """Each molecule in a row of its own, its atoms in order, zeros in the slots that are empty."""
    work = random_work(counts, seed)
    numbers, positions = np.zeros_like(work.numbers), np.full_like(work.positions, np.nan)
    for run in work.runs(shapes):
        assert run.real.size * run.real.shape[1] <= shapes.pairs
        numbers[run.atoms] += run.numbers[run.real]
        positions[run.atoms] = run.positions[run.real]
        assert not run.numbers[~run.real].any()
        assert not run.positions[~run.real].any()
        rows = np.split(run.atoms, np.cumsum(run.real.sum(1))[:-1])
        assert all((np.diff(row) == 1).all() for row in rows)
    assert np.array_equal(numbers, work.numbers)
    assert np.array_equal(positions, work.positions)


def test_runs_hold_similar_sizes() -> None:
    """A large molecule among thousands of small ones pads few of them."""
    work = random_work([*[3] * 2000, 40, *[5] * 2000], 0)
    padded = sum(run.real.size for run in work.runs())
    assert padded - len(work.numbers) < 0.05 * len(work.numbers)


def test_no_structures_make_no_pieces_and_no_runs() -> None:
    """Nothing is queued for a request in which every structure failed."""
    none = random_work([], 0)
    assert list(none.pieces(10)) == []
    assert list(none.runs()) == []
    assert none.load.cost == 0


def test_the_dense_graph_takes_small_molecules(crystal: Callable[..., Structures]) -> None:
    """Of so many atoms, no wider than float32 is exact in, and not periodic."""
    row = np.arange(MOST_ATOMS + 1)[:, None] * [1.0, 0.0, 0.0]
    wide = np.array([[0.0, 0.0, 1e6], [0.0, 0.0, 1e6 + WIDEST_ANGSTROM]])
    batch = [
        Structures.molecules([MOST_ATOMS], [1] * MOST_ATOMS, row[:-1]),
        Structures.molecules([MOST_ATOMS + 1], [1] * (MOST_ATOMS + 1), row),
        Structures.molecules([2], [1, 1], wide),
        Structures.molecules([2], [1, 1], wide * [0.0, 0.0, 1.001]),
        crystal([1], [[0, 0, 0]], np.eye(3), (False, True, False)),
        crystal([1], [[0, 0, 0]], np.eye(3), (False, False, False)),
    ]
    assert are_small(Structures.concatenate(batch)).tolist() == [True, False, True, False, False, True]
    assert are_small(batch[0].take([])).shape == (0,)


def test_molecules_are_centred_whatever_is_beside_them(g2: Structures) -> None:
    """To the bit: in any order, alone, and moved by what float64 can tell exactly."""
    together = centred(g2)
    assert np.abs(together).max() < WIDEST_ANGSTROM / 2
    for row in range(0, len(g2), 7):
        alone = g2.take([row])
        mine = together[g2.atoms_of(np.array([row]))]
        assert np.array_equal(centred(alone), mine)
        backwards = Structures.molecules(alone.counts, alone.numbers[::-1], alone.positions[::-1])
        assert np.array_equal(centred(backwards), mine[::-1])


@settings(max_examples=60, deadline=None)
@given(counts=batches, seed=st.integers(0, 2**32 - 1), shapes=st.sampled_from([EXACT, ROUNDED]))
def test_padding_is_that_of_the_arrays(counts: list[int], seed: int, shapes: Shapes) -> None:
    """Pairs of slots with atoms in both, and all others, of every array that is run."""
    work = random_work(counts, seed)
    filled = empty = 0
    for run in work.runs(shapes):
        pairs = run.real[:, :, None] & run.real[:, None, :]
        filled, empty = filled + int(pairs.sum()), empty + int((~pairs).sum())
    assert work.padding(shapes) == (filled, empty)
