"""What one client asks about."""

from __future__ import annotations

import pytest

from atomlens.client.bench.supply import Supply
from atomlens.client.structures import Structures

SIZES = (1, 2, 3, 4, 5)


@pytest.fixture
def structures() -> Structures:
    """Structures of one to five atoms."""
    return Structures.of([([1] * size, [[float(atom), 0.0, 0.0] for atom in range(size)]) for size in SIZES])


def test_structures_come_in_turn(structures: Structures) -> None:
    """The first is the one that was asked for, and after the last comes the first."""
    supply = Supply(structures, 1, 3)
    assert [len(supply.one()) for _ in range(7)] == [4, 5, 1, 2, 3, 4, 5]


def test_batches_are_whole(structures: Structures) -> None:
    """Every batch has as many structures as were asked for, also where there are fewer of them in all."""
    supply = Supply(structures, 2, 0)
    assert [supply.batch().counts.tolist() for _ in range(3)] == [[1, 2], [3, 4], [1, 2]]
    large = Supply(structures, 7, 0)
    assert large.batch().counts.tolist() == [1, 2, 3, 4, 5, 1, 2]
