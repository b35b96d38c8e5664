"""`atomlens.server.probes.probing`: a probe's errands, those that are begun and those that are not."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from atomlens.server.async_engine import AsyncEngine
from atomlens.server.calls import Priority
from atomlens.server.errors import DeadlineError
from atomlens.server.model import Context, Model
from atomlens.server.probes import probing
from atomlens.server.probes.places import Grid
from atomlens.server.probes.probe import STRETCH_POINTS, Probe
from atomlens.server.probes.tile_values import TileValues, compute_tiles
from atomlens.server.probes.tiles import Tile
from atomlens.server.repository import Repository
from atomlens.server.settings import ServerSettings
from atomlens.server.structures import Structures

WORKERS = 2


@dataclass(frozen=True)
class Asking:
    """Somebody who asks for a probe."""

    deadline: float = math.inf
    priority: Priority = Priority.BULK
    client: str = "somebody"


class Held:
    """Stands in for the computing of tiles: notes it, and waits until it is let go."""

    def __init__(self) -> None:
        self.begun, self.gate, self.entered = 0, threading.Event(), threading.Semaphore(0)

    def compute(self, probe: Probe, context: Context | None, tiles: Sequence[Tile]) -> list[TileValues]:
        """Compute tiles when let go."""
        self.begun += 1
        self.entered.release()
        assert self.gate.wait(30)
        return compute_tiles(probe, context, tiles)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """Tiles that are held."""
    one = Held()
    monkeypatch.setattr(probing, "compute_tiles", one.compute)
    return one


def large(model: Model, structure: Structures) -> Probe:
    """Return a probe of many slabs, with many runs of tiles each."""
    grid = Grid(np.full(3, -5.0), 0.1 * np.eye(3), np.full(3, 100))
    return Probe.of(model, structure, np.array([1]), grid, slab_points=STRETCH_POINTS)


async def entered(held: Held, times: int) -> None:
    """Wait until workers are at so many runs of tiles."""
    for _ in range(times):
        assert await asyncio.to_thread(held.entered.acquire, True, 30)


async def idle(engine: AsyncEngine) -> None:
    """Wait until no worker has anything to do."""
    while engine.batcher.idle_workers < engine.batcher.workers:
        await asyncio.sleep(0)


def test_a_cancelled_probe_computes_no_more_than_what_is_being_computed(
    repository: Repository, model: Model, water: Structures, held: Held
) -> None:
    """Its errands leave the queue at once; workers end the run of tiles that they are at, and no other."""

    async def main() -> None:
        engine = AsyncEngine(repository, ServerSettings(workers=WORKERS))
        probe = large(model, water)
        context = await engine.context(probe, Asking())

        async def read() -> None:
            async with aclosing(engine.slabs(probe, context, Asking())) as slabs:
                async for _ in slabs:
                    pass

        reading = asyncio.create_task(read())
        await entered(held, WORKERS)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert engine.batcher.cost == 0
        held.gate.set()
        await idle(engine)
        assert held.begun == WORKERS
        await engine.close()

    asyncio.run(main())


def test_a_probe_whose_deadline_passes_stops_as_well(
    repository: Repository, model: Model, water: Structures, held: Held
) -> None:
    """By itself, with an error that says so."""

    async def main() -> None:
        engine = AsyncEngine(repository, ServerSettings(workers=WORKERS))
        probe = large(model, water)
        context = await engine.context(probe, Asking())
        late = Asking(deadline=asyncio.get_running_loop().time() + 0.5)
        with pytest.raises(ExceptionGroup) as caught:
            async with aclosing(engine.slabs(probe, context, late)) as slabs:
                await anext(slabs)
        assert caught.group_contains(DeadlineError, match="the deadline passed")
        assert engine.batcher.cost == 0
        held.gate.set()
        await idle(engine)
        assert held.begun <= WORKERS
        await engine.close()

    asyncio.run(main())


def test_a_probe_has_no_more_errands_than_there_are_workers(
    repository: Repository, model: Model, water: Structures, held: Held
) -> None:
    """Queued or being done, whatever its size: what waits of all probes is bounded by their number."""

    async def main() -> None:
        engine, most = AsyncEngine(repository, ServerSettings(workers=WORKERS)), 0
        probe = large(model, water)
        context = await engine.context(probe, Asking())
        run = engine.batcher.run

        async def counted(*args: Any) -> Any:
            nonlocal most
            there.append(args)
            most = max(most, len(there))
            try:
                return await run(*args)
            finally:
                there.pop()

        there: list[Any] = []
        engine.batcher.run = counted  # type: ignore[method-assign, assignment]
        held.gate.set()
        async with aclosing(engine.slabs(probe, context, Asking())) as slabs:
            for _ in range(3):
                await anext(slabs)
        assert most == WORKERS
        await engine.close()

    asyncio.run(main())
