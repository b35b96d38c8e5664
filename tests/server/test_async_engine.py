"""`atomlens.server.async_engine`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from atomlens.server.async_engine import AsyncEngine
from atomlens.server.engine import Engine
from atomlens.server.errors import UnavailableError
from atomlens.server.repository import Repository
from atomlens.server.settings import ServerSettings
from atomlens.server.structures import Structures

from .batching.scenes import Asking


def test_answers_are_those_of_the_engine(repository: Repository, g2: Structures) -> None:
    """However many callers there are at once and however their batches are cut."""

    async def main() -> None:
        engine = AsyncEngine(repository, ServerSettings(workers=2, batch_cost=300))
        model = repository.find("toy-bpnn-dipole")

        async def ask(structures: Structures) -> np.ndarray:
            admission = await engine.admit(model, structures, ())
            explanations, _ = await engine.finish(model, admission, Asking())
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
        _, provenance = await engine.finish(model, admission, Asking())
        assert provenance.batch_cost == admission.cost > 300
        await engine.close()

    asyncio.run(main())


def test_few_atoms_go_to_no_other_thread_but_a_worker(
    repository: Repository, water: Structures, g2: Structures, crystal: Callable[..., Structures]
) -> None:
    """Many do, and crystals however small: their images may be many."""

    async def main() -> None:
        engine = AsyncEngine(repository, ServerSettings(workers=1))
        model, went = repository.find("toy-schnet-energy"), []
        outside = engine.outside

        async def spy(function: Callable[..., Any], *args: Any) -> Any:
            went.append(function)
            return await outside(function, *args)

        engine.outside = spy  # type: ignore[method-assign, assignment]
        hydrogen = crystal([1], [[0, 0, 0]], 2.0 * np.eye(3))
        for structures, hops in ((water, 0), (g2, 3), (hydrogen, 3), (g2.take(np.zeros(0, int)), 0)):
            went.clear()
            admission = await engine.admit(model, structures, ())
            explanations, _ = await engine.finish(model, admission, Asking())
            assert (len(explanations.answered), len(went)) == (len(structures), hops)
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
            await engine.finish(model, admission, Asking())
        with pytest.raises(UnavailableError):
            await engine.admit(model, water, ())

    asyncio.run(main())


def test_the_loop_goes_on_while_an_engine_closes(repository: Repository) -> None:
    """A server that waits for what is read at its door tells its health meanwhile, and can be hurried."""

    async def main() -> None:
        engine = AsyncEngine(repository, ServerSettings(workers=1))
        has_begun, goes_on = threading.Event(), threading.Event()

        def read() -> bool:
            has_begun.set()
            return goes_on.wait(10)

        reading = asyncio.create_task(engine.outside(read))
        assert await asyncio.to_thread(has_begun.wait, 30)
        closing = asyncio.create_task(engine.close())
        while not engine._door._shutdown:
            await asyncio.sleep(0)
        goes_on.set()
        await closing
        assert await reading

    asyncio.run(main())
