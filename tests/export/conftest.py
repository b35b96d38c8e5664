"""What the tests of the export root share."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from atomlens.server.structures import Floats, Structures

torch.set_num_threads(1)


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded source of numbers."""
    return np.random.default_rng(7)


def _cluster(rng: np.random.Generator, atoms: int) -> Floats:
    """Return positions on a distorted grid, none closer than 0.9 Å."""
    side = int(np.ceil(atoms ** (1 / 3)))
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3), -1).reshape(-1, 3)[:atoms] * 1.5
    return grid + rng.uniform(-0.17, 0.17, (atoms, 3))


@pytest.fixture
def molecule(rng: np.random.Generator) -> Structures:
    """Twelve atoms of four elements, some beyond the cutoff of each other."""
    positions = _cluster(rng, 12) * np.array([1.0, 1.0, 2.0])
    return Structures.molecules([12], rng.choice([1, 6, 7, 8], 12), positions)


@pytest.fixture
def crystal(rng: np.random.Generator) -> Structures:
    """Four atoms in a skewed cell that is smaller than the cutoff."""
    one = Structures.molecules([4], [1, 6, 7, 8], _cluster(rng, 4))
    cell = np.array([[4.0, 0.0, 0.0], [0.7, 3.8, 0.0], [-0.5, 0.4, 3.6]])
    return Structures(
        one.counts, one.numbers, one.positions, cell[None], np.ones((1, 3), bool), one.charges, one.spins
    )
