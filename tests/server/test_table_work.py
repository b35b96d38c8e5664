"""`atomlens.server.table_work`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from atomlens.server.neighbors import find_pairs, make_table
from atomlens.server.shapes import EXACT
from atomlens.server.structures import Structures
from atomlens.server.table_work import TableWork
from atomlens.server.work import PADDING, Load

CUTOFF = 3.0


def random_work(counts: list[int], seed: int) -> TableWork:
    """Return molecules of these sizes, every third of them a crystal."""
    rng = np.random.default_rng(seed)
    atoms = sum(counts)
    one = Structures.molecules(counts, rng.integers(1, 9, atoms), rng.uniform(0, 5, (atoms, 3)))
    one.pbc[::3] = True
    one.cells[::3] = 4.0 * np.eye(3)
    return TableWork(one, find_pairs(one, CUTOFF))


def same(one: TableWork, other: TableWork) -> bool:
    """Return whether structures and pairs are equal, bit by bit."""
    mine, theirs = one.structures, other.structures
    return all(
        np.array_equal(a, b)
        for a, b in (
            (mine.counts, theirs.counts),
            (mine.numbers, theirs.numbers),
            (mine.positions, theirs.positions),
            (mine.cells, theirs.cells),
            (mine.pbc, theirs.pbc),
            (one.pairs.centers, other.pairs.centers),
            (one.pairs.neighbors, other.pairs.neighbors),
            (one.pairs.shifts, other.pairs.shifts),
        )
    )


batches = st.lists(st.integers(1, 12), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(counts=batches, seed=st.integers(0, 2**32 - 1), batch_cost=st.integers(1, 500))
def test_pieces_joined_are_the_whole(counts: list[int], seed: int, batch_cost: int) -> None:
    """Cutting and joining lose nothing; a piece keeps within the cost unless it is a single structure."""
    work = random_work(counts, seed)
    pieces = list(work.pieces(batch_cost))
    assert same(TableWork.join(pieces), work)
    for piece in pieces:
        assert len(piece.structures) == 1 or piece.load.fits(batch_cost)


@settings(max_examples=60, deadline=None)
@given(counts=batches, seed=st.integers(0, 2**32 - 1), data=st.data())
def test_taking_structures_is_finding_their_pairs(counts: list[int], seed: int, data: st.DataObject) -> None:
    """The work of chosen structures is what they would have been alone."""
    work = random_work(counts, seed)
    rows = data.draw(st.lists(st.sampled_from(range(len(counts))), unique=True).map(sorted))
    chosen = np.array(rows, np.int64)
    alone = work.structures.take(chosen)
    assert same(work.take(chosen), TableWork(alone, find_pairs(alone, CUTOFF)))


@settings(max_examples=30, deadline=None)
@given(counts=batches, seed=st.integers(0, 2**32 - 1))
def test_costs_are_atoms_and_pairs(counts: list[int], seed: int) -> None:
    """Of each structure, and together those of the batch."""
    work = random_work(counts, seed)
    owners = work.structures.owners[work.pairs.centers]
    for row, count in enumerate(counts):
        degrees = np.bincount(work.pairs.centers[owners == row], minlength=1)
        assert work.costs()[row] == count + (owners == row).sum()
        assert work.slots()[row] == degrees.max()
    assert work.cost == work.costs().sum()


def test_no_structures_make_no_pieces() -> None:
    """Nothing is queued for a request in which every structure failed."""
    assert list(random_work([3], 0).take(np.zeros(0, np.int64)).pieces(10)) == []


def test_one_crowded_atom_does_not_pad_a_batch_without_bound() -> None:
    """A table has atoms x slots entries: what pads much is kept apart from what is padded."""
    rng = np.random.default_rng(0)
    clump = rng.uniform(0, 1, (90, 3))
    lone = np.arange(400)[:, None] * [100.0, 0.0, 0.0]
    one = Structures.molecules([90, *[1] * 400], [1] * 490, np.concatenate([clump, lone]))
    pieces = list(TableWork(one, find_pairs(one, CUTOFF)).pieces(9000))
    assert all(piece.load.atoms * piece.load.slots <= PADDING * 9000 for piece in pieces)
    assert sum(len(piece.structures) for piece in pieces) == 401
    assert not Load(100, 1000, 90).fits(9000)


def test_atoms_are_brought_near_the_origin_without_changing_a_vector(
    crystal: Callable[..., Structures],
) -> None:
    """However far apart they are, positions and shifts are small afterwards and give the same vectors."""
    rng = np.random.default_rng(0)
    far = np.concatenate(
        [rng.uniform(-2, 2, (5, 3)) + place for place in ([1e5, 0, 0], [0, -9e5, 40.0], [7, 8, 9])]
    )
    one = Structures.concatenate(
        [Structures.molecules([15], [1] * 15, far), crystal([6], [[0, 0, 0]], np.diag([2.0, 3.0, 900.0]))]
    )
    work = TableWork(one, find_pairs(one, CUTOFF))

    def vectors(of: TableWork) -> np.ndarray:
        positions, pairs = of.structures.positions, of.pairs
        return np.asarray(positions[pairs.neighbors] + pairs.shifts - positions[pairs.centers])

    near = work.near_origin
    assert np.abs(near.structures.positions).max() <= 16
    assert np.abs(near.pairs.shifts).max() < 64
    assert np.abs(vectors(near) - vectors(work)).max() < 1e-9


def test_padding_is_that_of_the_table() -> None:
    """Entries of the neighbor table that hold a pair, and those that hold none."""
    work = random_work([3, 1, 7, 12], 3)
    table = make_table(work.pairs, len(work.structures.numbers)).neighbors
    assert work.padding(EXACT) == (int((table >= 0).sum()), int((table < 0).sum()))
