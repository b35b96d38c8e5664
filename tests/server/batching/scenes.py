"""Scenes: a batcher with a model that can be held, so that what waits is known."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from atomlens.server.batching import Batcher, Computed
from atomlens.server.calls import Priority
from atomlens.server.dense_work import DenseWork
from atomlens.server.errors import EngineError
from atomlens.server.model import Outputs
from atomlens.server.neighbors import find_pairs
from atomlens.server.settings.queueing import QueueingSettings
from atomlens.server.structures import Structures
from atomlens.server.table_work import TableWork
from atomlens.server.work import Load, Work

INTERACTIVE, BULK = Priority
ERRAND = Load(1, 0, 1)


@dataclass(frozen=True)
class Asking:
    """Somebody who asks."""

    deadline: float = math.inf
    priority: Priority = INTERACTIVE
    client: str = ""


class Held:
    """Stands in for a model: echoes positions, notes batches, waits until let go, fails on number 13."""

    name, provider = "held", "cpu"
    card = SimpleNamespace(heads=[SimpleNamespace(name="energy")])

    def __init__(self, digest: str = "held") -> None:
        self.digest = digest
        self.batches: list[list[int]] = []
        self.entered, self.gate = threading.Semaphore(0), threading.Event()

    def run(self, work: TableWork | DenseWork) -> Outputs:
        """Echo positions."""
        atoms = work.structures if isinstance(work, TableWork) else work
        self.batches.append(atoms.numbers.tolist())
        self.entered.release()
        assert self.gate.wait(30)
        if 13 in atoms.numbers:
            raise EngineError("thirteen")
        return {"energy": atoms.positions[:, 0].astype(np.float64)}


class Noted:
    """Is told what the batcher does, and keeps it."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def waited(self, priority: str, seconds: float) -> None:
        """Keep it."""
        assert seconds >= 0
        self.told.append(("waited", priority))

    def batch(self, *told: Any) -> None:
        """Keep all but the time."""
        assert told[-1] > 0
        self.told.append(("batch", *told[:-1]))

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args: self.told.append((name, *args))

    def of(self, name: str) -> list[tuple[Any, ...]]:
        """Return what was told under a name."""
        return [one[1:] for one in self.told if one[0] == name]


def atoms(*numbers: int) -> TableWork:
    """Return lone atoms, one structure each, with their numbers as positions: cost 1 each."""
    places = np.array(numbers, float)[:, None] * [1.0, 0, 0]
    one = Structures.molecules([1] * len(numbers), numbers, places)
    return TableWork(one, find_pairs(one, 5.0))


def dense(cost: int) -> DenseWork:
    """Return a lone atom of that cost for the dense graph."""
    return DenseWork(np.array([1]), np.array([cost]), np.array([1]), np.zeros((1, 3), np.float32))


Queue = Callable[..., "asyncio.Task[Computed]"]
Play = Callable[[Batcher, Queue], Coroutine[Any, Any, None]]


def scenario(play: Play, held: Held, observer: Any = None, **settings: int) -> None:
    """Play a scene with a batcher and a function that queues work for some caller and returns its task."""
    given = {"workers": 1, "batch_cost": 100, "max_queue_cost": 1000} | settings

    async def main() -> None:
        batcher = Batcher(QueueingSettings(**given), observer)
        tasks: list[asyncio.Task[Computed]] = []

        def queue(
            *works: Work, model: Any = held, patient: bool = False, **caller: Any
        ) -> asyncio.Task[Computed]:
            async def compute() -> Computed:
                return (await batcher.compute(model, works, Asking(**caller), patient))[-1]

            tasks.append(asyncio.create_task(compute()))
            return tasks[-1]

        try:
            await asyncio.wait_for(play(batcher, queue), 30)
        finally:
            held.gate.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await batcher.close()

    asyncio.run(main())


async def entered(held: Held) -> None:
    """Wait until the model runs another batch."""
    assert await asyncio.to_thread(held.entered.acquire, True, 30)


async def idle(batcher: Batcher) -> None:
    """Wait until no worker has a turn: one tells the loop of its work before it looks for more."""
    while batcher.idle_workers < batcher.workers:
        await asyncio.sleep(0)


class Errands:
    """What was done, in order, by errands and batches alike."""

    def __init__(self, batcher: Batcher, held: Held) -> None:
        self._batcher, self._held = batcher, held

    def queue(self, name: int, **caller: Any) -> asyncio.Task[int]:
        """Queue an errand that notes itself beside the batches and returns its name."""

        def note() -> int:
            self._held.batches.append([name])
            return name

        return asyncio.create_task(self._batcher.run(note, Asking(**caller), "errand", ERRAND))
