"""Eager: the trained network in torch, on half lists of pairs that are ready, and its probe."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from atomlens.export.checkpoint import Checkpoint
from atomlens.export.neighborhood import Field, HalfList
from atomlens.server.neighbors import find_pairs
from atomlens.server.structures import Structures
from benchmarks.pool import Pool
from benchmarks.worker import repeat


class Batch(NamedTuple):
    """Molecules as the network takes them: pairs once each."""

    structures: int
    numbers: Tensor  # (atoms,)
    positions: Tensor  # (atoms, 3) Å, about each molecule's middle
    i: Tensor  # (pairs,)
    j: Tensor  # (pairs,)
    owners: Tensor  # (atoms,)


class Eager:
    """A network in float32, on the processor or, for the provider cuda, on the GPU."""

    def __init__(self, pool: str, checkpoint: str, provider: str = "cpu") -> None:
        self._device = torch.device(provider)
        self._model = Checkpoint.load(Path(checkpoint)).build().float().to(self._device)
        self._cutoff: float = self._model.network.settings.cutoff_angstrom
        self._pool = Pool.load(pool)
        self._batches: dict[int, list[Batch]] = {}

    def energies(self, count: int) -> list[float]:
        """Return the energies of the first molecules in eV, offsets included."""
        batch = self._batch(self._pool.take(np.arange(count)))
        values = self._run(batch).double().cpu()
        offsets = torch.zeros(119, dtype=torch.float64)
        for number, offset in self._model.settings.head.offsets.items():
            offsets[int(number)] = offset
        totals = torch.zeros(count, dtype=torch.float64)
        owners, numbers = batch.owners.cpu(), batch.numbers.cpu()
        return [float(energy) for energy in totals.index_add(0, owners, values + offsets[numbers])]

    def measure(self, seconds: float, threads: int, batch: int) -> Mapping[str, float]:
        """Run the network on batch after batch."""
        torch.set_num_threads(threads)
        if batch not in self._batches:
            starts = range(0, len(self._pool), batch)
            rows = [np.arange(start, min(start + batch, len(self._pool))) for start in starts]
            self._batches[batch] = [self._batch(self._pool.take(part)) for part in rows]
        batches = cycle(self._batches[batch])

        def step() -> int:
            one = next(batches)
            self._run(one)
            self._wait()
            return one.structures

        step()
        return repeat(step, seconds)

    def probe(self, seconds: float, path: str, threads: int, chunk: int) -> Mapping[str, float]:
        """Carry probes to points of a file, all atoms felt at each; ``structures`` counts points."""
        torch.set_num_threads(threads)
        numbers, positions, points, elements = self._read(path)
        starts = cycle(range(0, max(len(points) - chunk, 1), chunk))
        carried = self._carried(numbers, positions)

        def step() -> int:
            first = next(starts)
            some = points[first : first + chunk]
            with torch.no_grad():
                self._model.probe(elements, Field(some, positions), carried)
            self._wait()
            return len(some)

        step()
        return repeat(step, seconds)

    def probe_values(self, path: str, count: int) -> list[list[float]]:
        """Return Ω (elements, points) of the first points of a file."""
        numbers, positions, points, elements = self._read(path)
        with torch.no_grad():
            field = Field(points[:count], positions)
            values = self._model.probe(elements, field, self._carried(numbers, positions))
        return [[float(value) for value in row] for row in values]

    def _read(self, path: str) -> tuple[Tensor, ...]:
        """Return numbers and positions of the molecule, points and elements of the probes."""
        with np.load(path) as arrays:
            found = [torch.tensor(arrays[name]) for name in ("numbers", "positions", "points", "elements")]
        return tuple((one.float() if one.is_floating_point() else one).to(self._device) for one in found)

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize()

    def _carried(self, numbers: Tensor, positions: Tensor) -> Tensor:
        if self._model.network.carries == "numbers":
            return numbers
        alone = Pool(np.array([len(numbers)]), numbers.cpu().numpy(), positions.double().cpu().numpy())
        whole = self._batch(alone)
        with torch.no_grad():
            _, context = self._model(whole.numbers, HalfList(positions, whole.i, whole.j))
        assert context is not None
        return context  # type: ignore[no-any-return]

    def _run(self, batch: Batch) -> Tensor:
        with torch.no_grad():
            pairs = HalfList(batch.positions, batch.i, batch.j)
            values, _ = self._model(batch.numbers, self._model.network.prepare(batch.numbers, pairs))
        assert isinstance(values, Tensor)
        return values

    def _batch(self, pool: Pool) -> Batch:
        structures = Structures.molecules(pool.counts, pool.numbers, pool.positions)
        placed = structures.placed
        pairs = find_pairs(placed, self._cutoff)
        once = pairs.centers < pairs.neighbors
        i, j = pairs.centers[once], pairs.neighbors[once]
        arrays = (pool.numbers, placed.positions.astype(np.float32), i, j, structures.owners)
        return Batch(len(pool), *(torch.tensor(array).to(self._device) for array in arrays))


make = Eager
