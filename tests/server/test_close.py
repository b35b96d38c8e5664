"""`atomlens.server.close`."""

from __future__ import annotations

import numpy as np

from atomlens.server.close import SLACK, ClosePairs, flagged


def pairs(*distances: float) -> ClosePairs:
    """Return a pair of hydrogens at each of these distances, each in a structure of its own."""
    many = len(distances)
    zeros = np.zeros(many, np.int64)
    elements = np.ones((many, 2), np.int64)
    return ClosePairs(np.arange(many), zeros, zeros + 1, elements, np.array(distances), np.full(many, 0.7))


def test_pairs_closer_than_a_limit_are_found() -> None:
    """One limit for all, or one for each; the limit itself is not closer."""
    assert pairs(0.1, 0.5, 0.3).closer_than(0.5).rows.tolist() == [0, 2]
    assert pairs(0.1, 0.5, 0.3).closer_than(np.array([0.0, 1.0, 0.3])).rows.tolist() == [1]
    assert len(ClosePairs.none().closer_than(1.0)) == 0


def test_parts_are_joined_in_order() -> None:
    """No parts make no pairs."""
    joined = ClosePairs.join([pairs(0.1), pairs(0.2, 0.3)])
    assert joined.distances.tolist() == [0.1, 0.2, 0.3]
    assert joined.elements.shape == (3, 2)
    assert len(ClosePairs.join([])) == 0


def test_flags_leave_room_for_rounding_and_know_the_least_distance() -> None:
    """A pair that never was closer than 0 is flagged on one place."""
    assert flagged(np.array([0.7, 0.0]), 0.01).tolist() == [0.7 - SLACK, 0.01]
