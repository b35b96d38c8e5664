"""Engine: AtomLens in one process, without a server; also what it feeds its graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from atomlens.client import Client, Explanation, Structure
from atomlens.server.engine import Engine
from atomlens.server.structures import Structures
from benchmarks.feeds import Feed, recording, save_feeds, structures_of
from benchmarks.pool import Pool
from benchmarks.water import pairs_within, water_boxes
from benchmarks.worker import repeat

MOST_THREADS = 8


class InProcess:
    """The engine with the bundled models."""

    def __init__(self, pool: str, provider: str, models: str | None = None) -> None:
        self._pool, self._provider = Pool.load(pool), provider
        self._models = None if models is None else Path(models)
        self._engine = Engine.open(self._models, provider)
        self._threads = ThreadPoolExecutor(MOST_THREADS)

    def models(self) -> list[str]:
        """Return the models that are served."""
        return [f"{model.name}@{model.version}" for model in self._engine.repository.models]

    def energies(self, count: int, model: str) -> list[float]:
        """Return the energies of the first molecules in eV."""
        structures = [Structure(*part) for part in self._pool.parts()[:count]]
        client = Client.local(self._models, self._provider)
        return [_energy(outcome) for outcome in client.explain_many(structures, model)]

    def measure(self, seconds: float, model: str, threads: int, batch: int) -> Mapping[str, float]:
        """Explain molecule after molecule, in requests of ``batch``, so many threads at once."""
        requests = self._requests(batch)

        def run(index: int) -> Mapping[str, float]:
            turns = islice(cycle(requests), index * len(requests) // threads, None)
            return repeat(lambda: self._explain(next(turns), model), seconds)

        ran = list(self._threads.map(run, range(threads)))
        done = sum(one["structures"] for one in ran)
        return {"structures": done, "seconds": max(one["seconds"] for one in ran)}

    def record(self, path: str, model: str, batch: int) -> dict[str, Any]:
        """Write what the engine feeds its graph for the whole pool; return which graph and batches."""
        requests = self._requests(batch)
        with recording() as noted:
            for request in requests:
                self._explain(request, model)
        per_structure = float(self._pool.counts.mean())
        feeds = [Feed(structures_of(inputs, per_structure), inputs) for _, inputs in noted]
        save_feeds(Path(path), feeds)
        sizes = sorted({feed.structures for feed in feeds})
        dense = all(feed.inputs["numbers"].ndim == 2 for feed in feeds)
        return {
            "graph": "molecules.onnx" if dense else "atoms.onnx",
            "batches": len(feeds),
            "largest": sizes[-1],
        }

    def water(self, atoms: int, total: int, repeats: int, model: str) -> dict[str, float]:
        """Explain boxes of water of one size, of about ``total`` atoms in all; return the best time."""
        boxes = water_boxes(atoms, max(total // atoms, 1))
        cutoff = self._engine.repository.find(model).card.cutoff_angstrom
        pairs, times = pairs_within(boxes, cutoff), []
        for _ in range(repeats):
            begun = perf_counter()
            answered = self._engine.explain(boxes, model)
            times.append(perf_counter() - begun)
        if answered.failures:
            raise RuntimeError(f"{len(answered.failures)} failed: {next(iter(answered.failures.values()))}")
        return {"atoms": int(boxes.counts.sum()), "boxes": len(boxes), "pairs": pairs, "seconds": min(times)}

    def _explain(self, request: Structures, model: str) -> int:
        self._engine.explain(request, model)
        return len(request)

    def _requests(self, batch: int) -> Sequence[Structures]:
        pool, starts = self._pool, range(0, len(self._pool), batch)
        parts = [pool.take(np.arange(start, min(start + batch, len(pool)))) for start in starts]
        return [Structures.molecules(part.counts, part.numbers, part.positions) for part in parts]


make = InProcess


def _energy(outcome: Any) -> float:
    if not isinstance(outcome, Explanation):
        raise RuntimeError(str(outcome))
    assert outcome.energy is not None
    return outcome.energy
