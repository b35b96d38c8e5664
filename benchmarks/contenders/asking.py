"""Asking: a client of a server, or of the engine in its own process, as users have it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import grpc
import numpy as np

from atomlens.client import Client, Explanation, Structure
from atomlens.client.bench import Load, generate
from atomlens.client.bench.counting import CountingTransport
from atomlens.client.probe.grid import Grid
from atomlens.client.transport import CHANNEL_OPTIONS
from benchmarks.feeds import Feed, recording, save_feeds
from benchmarks.pool import Pool

MARGIN_ANGSTROM = 2.0  # of a map around the outermost atoms
LATENCY_ATOMS = 20
ECHO = "/benchmarks.Identity/Echo"


class Asking:
    """A client and what it asks about."""

    def __init__(
        self, pool: str, address: str | None = None, provider: str = "cpu", models: str | None = None
    ) -> None:
        self._pool, self._address = Pool.load(pool), address
        self._structures = [Structure(*part, id=str(k)) for k, part in enumerate(self._pool.parts())]
        self._client = Client.local(models, provider) if address is None else Client(address)

    def energies(self, count: int, model: str) -> list[float]:
        """Return the energies of the first molecules in eV."""
        outcomes = self._client.explain_many(self._structures[:count], model)
        return [_energy(outcome) for outcome in outcomes]

    def load(self, model: str, **settings: Any) -> dict[str, Any]:
        """Put a load on the server, by the generator that `atomlens bench` is, and return what came of it."""
        assert self._address is not None
        return generate(self._address, model, self._structures, Load(**settings)).to_dict()

    def latency(self, model: str, calls: int, echo: str) -> dict[str, float]:
        """Ask about one molecule and have a message of that size echoed, in turn; return medians in ms."""
        (one,) = self._single()
        size = self._size(model, one)
        with grpc.insecure_channel(echo, CHANNEL_OPTIONS) as channel:
            call: Any = channel.unary_unary(ECHO)
            asked, echoed = [], []
            for _ in range(calls):
                asked.append(_timed(lambda: self._client.explain(one, model)))
                echoed.append(_timed(lambda: call(bytes(size))))
        return {
            "explain_ms": median(asked),
            "explain_p99_ms": float(np.percentile(asked, 99)),
            "echo_ms": median(echoed),
            "bytes": size,
        }

    def probe(self, model: str, elements: Sequence[str], points: int) -> dict[str, float]:
        """Take one map around a molecule; return its size and how long it took."""
        structure, grid = self._probed(points)
        begun = time.perf_counter()
        with self._client.probe(structure, elements, model, grid=grid) as slabs:
            values = sum(slab.values.size for slab in slabs)
        return {"points": len(grid), "values": values, "seconds": time.perf_counter() - begun}

    def probe_values(self, model: str, elements: Sequence[str], points: int, count: int) -> list[list[float]]:
        """Return Ω (elements, points) at the first points of that map."""
        structure, grid = self._probed(points)
        with self._client.probe(structure, elements, model, grid=grid) as slabs:
            values = next(slabs).values[:, :count]
        return [[float(value) for value in row] for row in values]

    def save_points(self, path: str, elements: Sequence[str], points: int) -> int:
        """Write the molecule, the probes and the points of that map for whoever cannot be asked by gRPC."""
        structure, grid = self._probed(points)
        numbers = [
            Structure.of({"symbols": [symbol], "positions": [[0.0] * 3]}).numbers[0] for symbol in elements
        ]
        np.savez(
            path,
            numbers=structure.numbers.astype(np.int64),
            positions=structure.positions,
            points=grid.points(),
            elements=np.array(numbers, np.int64),
        )
        return len(grid)

    def record_probe(self, path: str, model: str, elements: Sequence[str], points: int) -> int:
        """Write what the engine in this process feeds its graph for that map; return how many batches."""
        with recording() as noted:
            self.probe(model, elements, points)
        feeds = [Feed(len(inputs["points"]), inputs) for _, inputs in noted if "points" in inputs]
        save_feeds(Path(path), feeds)
        return len(feeds)

    def open_probe(self, model: str, elements: Sequence[str], points: int) -> int:
        """Ask for a map and read nothing of it but the header; return its number of points."""
        structure, grid = self._probed(points)
        self._open = self._client.probe(structure, elements, model, grid=grid)
        return self._open.header.points

    def read_probe(self) -> int:
        """Read the map that was opened; return the number of its values."""
        with self._open as slabs:
            return sum(slab.values.size for slab in slabs)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _single(self) -> list[Structure]:
        """Return one molecule of twenty atoms, or of a number close to that."""
        return [min(self._structures, key=lambda one: (abs(len(one) - LATENCY_ATOMS), one.id))]

    def _size(self, model: str, one: Structure) -> int:
        """Return the size in bytes of the larger of request and answer."""
        assert self._address is not None
        transport = CountingTransport(self._address)
        with Client(transport=transport) as client:
            client.explain(one, model)
        return max(transport.sent_bytes, transport.received_bytes)

    def _probed(self, points: int) -> tuple[Structure, Grid]:
        """Return a molecule of about twenty atoms and a grid of about so many points around it."""
        (structure,) = self._single()
        low = structure.positions.min(axis=0) - MARGIN_ANGSTROM
        extent = structure.positions.max(axis=0) + MARGIN_ANGSTROM - low
        spacing = (float(np.prod(extent)) / points) ** (1 / 3)
        counts = np.maximum(np.rint(extent / spacing), 2).astype(np.int64)
        return structure, Grid(low, np.diag(extent / (counts - 1)), counts)


make = Asking


def _timed(call: Any) -> float:
    begun = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - begun)


def _energy(outcome: Any) -> float:
    if not isinstance(outcome, Explanation):
        raise RuntimeError(str(outcome))
    assert outcome.energy is not None
    return outcome.energy
