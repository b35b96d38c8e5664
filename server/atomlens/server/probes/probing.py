"""Probing: one probe being computed, errand by errand, in turn with other work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import TypeVar

from atomlens.server.batching import Batcher, Caller
from atomlens.server.model import Context
from atomlens.server.probes.probe import STRETCH_POINTS, Probe
from atomlens.server.probes.tile_values import TileValues, compute_tiles
from atomlens.server.probes.tiles import Tile, cost_of, runs_of
from atomlens.server.work import Load

T = TypeVar("T")
CUTTING = Load(STRETCH_POINTS, 0, 1)  # of a stretch into tiles: a cost for each point


class Probing:
    """What is computed of one probe. It has no more errands at once than there are workers."""

    def __init__(self, batcher: Batcher, probe: Probe, context: Context | None, caller: Caller) -> None:
        self.probe = probe
        self._batcher, self._context, self._caller = batcher, context, caller
        self._errands = asyncio.Semaphore(batcher.workers)

    async def tiles_of_slab(self, index: int) -> list[tuple[Tile, TileValues]]:
        """Return the tiles of a slab with their values, stretch by stretch.

        Cancelled, it leaves nothing behind but the errands that workers are at.
        """
        async with asyncio.TaskGroup() as group:
            stretches = [
                group.create_task(self._tiles_of_stretch(index, first))
                for first in self.probe.stretches(index)
            ]
        return list(chain.from_iterable(one.result() for one in stretches))

    async def _tiles_of_stretch(self, index: int, first: int) -> list[tuple[Tile, TileValues]]:
        tiles = await self._turn("cutting", CUTTING, partial(self.probe.tiles_of_stretch, index, first))
        async with asyncio.TaskGroup() as group:
            runs = [
                group.create_task(
                    self._turn("tiles", load, partial(compute_tiles, self.probe, self._context, run))
                )
                for run in runs_of(tiles)
                for load in (Load(sum(map(cost_of, run)), 0, 1),)
            ]
        return list(zip(tiles, chain.from_iterable(run.result() for run in runs), strict=True))

    async def _turn(self, what: str, load: Load, function: Callable[[], T]) -> T:
        async with self._errands:
            kind = (self.probe.model.digest, what)
            return await self._batcher.run(function, self._caller, kind, load)
