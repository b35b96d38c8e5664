"""`atomlens.server.async_engine`."""

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest

from atomlens.server.async_engine import AsyncEngine
from atomlens.server.engine import Engine
from atomlens.server.errors import UnavailableError
from atomlens.server.repository import Repository
from atomlens.server.settings import ServerSettings
from atomlens.server.structures import Structures


def test_answers_are_those_of_the_engine(repository: Repository, g2: Structures) -> None:
    """However many callers there are at once and however their batches are cut."""

    async def main() -> None:
        engine = AsyncEngine(repository, ServerSettings(workers=2, batch_cost=300))
        model = repository.find("toy-bpnn-dipole")

        async def ask(structures: Structures) -> np.ndarray:
            admission = await engine.admit(model, structures, ())
            explanations, _ = await engine.finish(model, admission, math.inf)
            return explanations.heads[0].contributions

        parts = [g2.take(np.arange(first, first + 10)) for first in range(0, 60, 10)]
        answers = await asyncio.gather(*map(ask, parts))
        expected = Engine(repository).explain(Structures.concatenate(parts), model.name)
        assert np.abs(np.concatenate(answers) - expected.heads[0].contributions).max() < 4e-6
        await engine.close()

    asyncio.run(main())


def test_provenance_adds_up_its_batches(repository: Repository, g2: Structures) -> None:
    """Alone on a server, a request's batches cost what it costs."""

    async def main() -> None:
        engine = AsyncEngine(repository, ServerSettings(workers=1, batch_cost=300))
        model = repository.find("toy-bpnn-energy")
        admission = await engine.admit(model, g2, ())
        _, provenance = await engine.finish(model, admission, math.inf)
        assert provenance.batch_cost == admission.cost > 300
        await engine.close()

    asyncio.run(main())


def test_a_closed_engine_refuses(repository: Repository, water: Structures) -> None:
    """What was admitted before is not computed."""

    async def main() -> None:
        engine = AsyncEngine(repository, ServerSettings(workers=1))
        model = repository.find("toy-bpnn-energy")
        admission = await engine.admit(model, water, ())
        await engine.close()
        with pytest.raises(UnavailableError, match="shutting down"):
            await engine.finish(model, admission, math.inf)
        with pytest.raises(UnavailableError):
            await engine.admit(model, water, ())

    asyncio.run(main())
