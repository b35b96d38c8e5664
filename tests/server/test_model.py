"""`atomlens.server.model`."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.server.model import Model
from atomlens.server.repository import Repository
from atomlens.server.structures import Structures


@pytest.mark.parametrize("name", ["toy-schnet-energy", "toy-bpnn-dipole"])
def test_atoms_without_neighbors_have_values(name: str, repository: Repository) -> None:
    """Alone, and in a batch in which nobody has any."""
    model = repository.find(name)
    lone = Structures.molecules([1, 1, 2], [1, 6, 7, 8], np.arange(4)[:, None] * [10.0, 0, 0])
    (values,) = model.run(model.prepare(lone)).values()
    (alone,) = model.run(model.prepare(Structures.molecules([1], [8], [[0, 0, 0]]))).values()
    assert np.isfinite(values).all()
    assert values[3] == pytest.approx(alone[0], abs=1e-6)


def test_heads_are_found_by_name(model: Model) -> None:
    """All of them when none is named."""
    assert model.heads([]) == model.card.heads
    assert model.heads(["energy", "energy"]) == model.card.heads


def test_atoms_far_apart_are_as_exact_as_those_nearby(model: Model, water: Structures) -> None:
    """Within one structure float32 positions would be off by 0.06 Å at 10⁶ Å."""
    alone = model.run(model.prepare(water))["energy"]
    far = np.concatenate([water.positions - 4e5, water.positions + 4e5 + 1 / 3])
    both = model.run(model.prepare(Structures.molecules([6], np.tile(water.numbers, 2), far)))["energy"]
    assert np.abs(both - np.tile(alone, 2)).max() < 1e-5
