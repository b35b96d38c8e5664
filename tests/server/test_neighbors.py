"""`atomlens.server.neighbors`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from atomlens.server.errors import InputError
from atomlens.server.limits import Limits
from atomlens.server.neighbors import Pairs, find_pairs, make_table
from atomlens.server.structures import Floats, Structures

CUTOFF = 5.0
CUBE = np.eye(3)
SKEWED = np.array([[1.0, 0.0, 0.0], [0.3, 0.9, 0.0], [-0.4, 0.5, 1.1]])
Crystal = Callable[..., Structures]
Cluster = Callable[[int], Floats]


def brute_force(structures: Structures) -> set[tuple[int, int, tuple[float, ...]]]:
    """Return the pairs of one structure by a double loop over atoms and all images that could matter."""
    positions, cell, pbc = structures.positions, structures.cells[0], structures.pbc[0]
    heights = 1.0 / np.linalg.norm(np.linalg.inv(structures.complete_cells[0]), axis=0)
    extents = np.ptp(positions @ np.linalg.inv(structures.complete_cells[0]), axis=0)
    reach = [
        int(np.ceil(CUTOFF / h + e)) if on else 0 for h, e, on in zip(heights, extents, pbc, strict=True)
    ]
    found = set()
    for image in product(*[range(-n, n + 1) for n in reach]):
        shift = np.array(image) @ cell
        for i, j in product(range(len(positions)), repeat=2):
            distance = np.linalg.norm(positions[j] + shift - positions[i])
            if distance < CUTOFF and (i != j or any(image)):
                found.add((i, j, tuple(np.round(shift, 6) + 0.0)))
    return found


def listed(pairs: Pairs) -> set[tuple[int, int, tuple[float, ...]]]:
    """Return pairs in the form of `brute_force`, after making sure that none is listed twice."""
    shifts = (tuple(np.round(shift, 6) + 0.0) for shift in pairs.shifts)
    entries = list(zip(pairs.centers.tolist(), pairs.neighbors.tolist(), shifts, strict=True))
    assert len(set(entries)) == len(entries)
    return set(entries)


@pytest.mark.parametrize("atoms", [1, 2, 30, 99, 100, 160])
def test_molecules_have_the_pairs_of_a_double_loop(atoms: int, cluster: Cluster) -> None:
    """On either side of the size from which a grid is used."""
    one = Structures.molecules([atoms], [1] * atoms, cluster(atoms))
    assert listed(find_pairs(one, CUTOFF)) == brute_force(one)


@pytest.mark.parametrize("pbc", list(product([False, True], repeat=3))[1:], ids=str)
@pytest.mark.parametrize("shape", [CUBE, SKEWED], ids=["cube", "skewed"])
@pytest.mark.parametrize("size", [2.3, 4.0, 7.9], ids=["tiny", "small", "medium"])
def test_crystals_have_the_pairs_of_a_double_loop(
    size: float, shape: Floats, pbc: tuple[bool, ...], crystal: Crystal, rng: np.random.Generator
) -> None:
    """In cells smaller and larger than the cutoff, along any directions, atoms unwrapped, own images too."""
    cell = size * shape
    positions = rng.uniform(-1.0, 2.0, (4, 3)) @ cell
    one = crystal([1, 6, 7, 8], positions, cell, pbc)
    assert listed(find_pairs(one, CUTOFF)) == brute_force(one)


def test_directions_that_do_not_repeat_need_no_vector(crystal: Crystal) -> None:
    """A chain and a layer may leave the other vectors of their cell zero."""
    chain = crystal([6], [[0.0, 0.0, 0.0]], np.diag([2.0, 0.0, 0.0]), (True, False, False))
    layer = crystal(
        [6, 8], [[0.0, 0.0, 0.0], [0.0, 0.0, 40.0]], np.diag([3.0, 3.0, 0.0]), (True, True, False)
    )
    assert listed(find_pairs(chain, CUTOFF)) == brute_force(chain)
    assert listed(find_pairs(layer, CUTOFF)) == brute_force(layer)


def test_structures_of_a_batch_do_not_meet(crystal: Crystal, cluster: Cluster) -> None:
    """A batch has the pairs of its members, sorted by center, whatever is beside them."""
    members = [
        crystal([6], [[0.0, 0.0, 0.0]], 2.4 * CUBE),
        Structures.molecules([120], [1] * 120, cluster(120)),
        Structures.molecules([3], [8, 1, 1], np.eye(3)),
        crystal([6, 8], [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], 3.0 * SKEWED),
    ]
    together = find_pairs(Structures.concatenate(members), CUTOFF)
    assert (np.diff(together.centers) >= 0).all()
    expected, first = set(), 0
    for one in members:
        expected |= {(i + first, j + first, shift) for i, j, shift in brute_force(one)}
        first += len(one.numbers)
    assert listed(together) == expected


def test_no_structures_have_no_pairs() -> None:
    """An empty batch is no error."""
    pairs = find_pairs(Structures.molecules([], [], np.zeros((0, 3))), CUTOFF)
    assert pairs.centers.shape == (0,)
    assert pairs.shifts.shape == (0, 3)


def test_a_structure_with_too_many_pairs_is_left_out(cluster: Cluster) -> None:
    """It has no pairs and is named; the others have theirs."""
    clump = Structures.molecules([3000], [1] * 3000, 0.1 * cluster(3000))
    water = Structures.molecules([3], [8, 1, 1], np.eye(3))
    pairs = find_pairs(Structures.concatenate([clump, water]), CUTOFF, Limits(max_structure_cost=100_000))
    assert pairs.exceeding == (0,)
    assert sorted(set(pairs.centers.tolist())) == [3000, 3001, 3002]


def test_a_request_with_too_many_pairs_is_refused(cluster: Cluster) -> None:
    """The sum over all structures is bounded too."""
    many = Structures.molecules([50] * 20, [1] * 1000, np.concatenate([cluster(50) for _ in range(20)]))
    find_pairs(many, CUTOFF, Limits(max_request_cost=50 * 50 * 20))
    with pytest.raises(InputError, match="at most 1000 together") as caught:
        find_pairs(many, CUTOFF, Limits(max_request_cost=1000))
    assert (caught.value.reason, caught.value.field) == ("REQUEST_TOO_LARGE", "structures")


def test_a_table_holds_each_pair_once_in_the_first_slots(crystal: Crystal) -> None:
    """Slots that are not needed are -1 and behind the others; there is one at least."""
    both = Structures.concatenate(
        [
            crystal([6, 8], [[0.0, 0.0, 0.0], [1.2, 0.0, 0.0]], 4.0 * CUBE),
            Structures.molecules([1], [1], np.zeros((1, 3))),
        ]
    )
    pairs = find_pairs(both, CUTOFF)
    table = make_table(pairs, 3)
    filled = table.neighbors >= 0
    assert (filled.sum(1) == np.bincount(pairs.centers, minlength=3)).all()
    assert (np.diff(filled.astype(int), axis=1) <= 0).all()
    assert (table.neighbors[filled] == pairs.neighbors).all()
    assert (table.shifts[filled] == pairs.shifts.astype(np.float32)).all()
    assert make_table(find_pairs(both.take([1]), CUTOFF), 1).neighbors.tolist() == [[-1]]
