"""`atomlens.server.arena`: with the real runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from atomlens.server.arena import ARENA
from atomlens.server.engine import compute
from atomlens.server.errors import EngineError
from atomlens.server.memory import is_out_of_memory
from atomlens.server.model import Model
from atomlens.server.structures import Floats, Structures

LIMIT_MIB = 16


@pytest.fixture
def narrow(toy_repository: Path) -> Iterator[Model]:
    """A model that has little memory to compute in."""
    ARENA.limit(LIMIT_MIB)
    yield Model.load(toy_repository / "toy-schnet-energy" / "1", "cpu")
    ARENA.limit(0)


def test_what_needs_more_than_the_limit_fails_for_want_of_memory(
    narrow: Model, cluster: Callable[[int], Floats]
) -> None:
    """And what needs less is computed afterwards."""
    large, small = (
        narrow.prepare(Structures.molecules([atoms], np.full(atoms, 6), cluster(atoms)))
        for atoms in (20_000, 20)
    )
    with pytest.raises(EngineError) as caught:
        narrow.run(large)
    assert is_out_of_memory(caught.value)
    assert np.isfinite(narrow.run(small)["energy"]).all()


def test_a_batch_that_needs_more_than_the_limit_is_computed_in_parts(
    narrow: Model, model: Model, cluster: Callable[[int], Floats]
) -> None:
    """With the numbers that it has where there is memory enough."""
    many, atoms = 200, 100
    batch = Structures.molecules(
        [atoms] * many, np.full(many * atoms, 6), np.concatenate([cluster(atoms) for _ in range(many)])
    )
    with pytest.raises(EngineError) as caught:
        narrow.run(narrow.prepare(batch))
    assert is_out_of_memory(caught.value)
    found = compute(narrow, narrow.prepare(batch))["energy"]
    assert np.allclose(found, model.run(model.prepare(batch))["energy"], rtol=1e-4, atol=1e-4)
