"""`atomlens.server.arena`: with the real runtime."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.rpc import code_pb2

from atomlens.server.arena import ARENA
from atomlens.server.engine import compute
from atomlens.server.errors import EngineError
from atomlens.server.memory import is_out_of_memory
from atomlens.server.model import Model
from atomlens.server.structures import Floats, Structures
from atomlens.v1 import structures_pb2
from atomlens.v1.explanation_service_pb2 import ExplainRequest
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import ModelSelector

Pack = Callable[[Structures], structures_pb2.Structures]
Serving = Callable[..., Any]
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


def test_a_server_tells_callers_what_does_not_fit(
    serving: Serving, pack: Pack, cluster: Callable[[int], Floats], water: Structures
) -> None:
    """A structure too large for the memory of the models fails alone, and nobody else."""
    atoms = 8000
    large = pack(Structures.molecules([atoms], np.full(atoms, 6), cluster(atoms)))
    selector = ModelSelector(name="toy-schnet-energy")

    async def main() -> None:
        async with serving(runtime_memory_mib=LIMIT_MIB) as (_, channel):
            stub: Any = ExplanationServiceStub(channel)
            answers = await asyncio.gather(
                *(
                    stub.Explain(ExplainRequest(model=selector, structures=structures))
                    for structures in (large, *[pack(water)] * 5)
                )
            )
            (failure,) = answers[0].explanations.failures
            assert failure.status.code == code_pb2.RESOURCE_EXHAUSTED
            assert "memory" in failure.status.message
            assert not any(answer.explanations.failures for answer in answers[1:])

    asyncio.run(main())
    ARENA.limit(0)
