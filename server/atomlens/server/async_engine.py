"""AsyncEngine: the engine for many callers at once, on an event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, islice
from typing import ParamSpec, TypeVar

from atomlens.server.admission import Admission, admit
from atomlens.server.batching import Batcher
from atomlens.server.engine import finish
from atomlens.server.errors import UnavailableError
from atomlens.server.explanations import Explanations
from atomlens.server.model import Context, Model
from atomlens.server.probes.contexts import Contexts
from atomlens.server.probes.probe import Probe
from atomlens.server.probes.slab import Slab
from atomlens.server.probes.tile_values import TileValues, compute_tiles
from atomlens.server.probes.tiles import Tile, runs_of
from atomlens.server.provenance import Provenance
from atomlens.server.repository import Repository
from atomlens.server.settings import ServerSettings
from atomlens.server.structures import Structures

FEW = 256  # atoms and structures: going to another thread and back takes longer than what is done there
AHEAD = 2  # slabs of a probe that are computed before they can be sent
P = ParamSpec("P")
T = TypeVar("T")


class AsyncEngine:
    """Admits, batches across callers and finishes, outside the event loop where that takes a while."""

    def __init__(self, repository: Repository, settings: ServerSettings) -> None:
        self.repository, self.limits = repository, settings.limits
        self._workers = settings.threads
        self._contexts = Contexts(settings.context_cache_mib * 2**20)
        self._batcher = Batcher(settings.threads, settings.batch_cost, settings.max_queue_cost)
        self._door = ThreadPoolExecutor(settings.threads, "door")
        self._closed = False

    async def admit(self, model: Model, structures: Structures, heads: Sequence[str]) -> Admission:
        """Validate structures and find their neighbors.

        Raises:
            InputError: a head is unknown.
        """
        return await self.handily(structures, admit, model, structures, heads, self.limits)

    async def finish(
        self, model: Model, admission: Admission, deadline: float, patient: bool = False
    ) -> tuple[Explanations, Provenance]:
        """Compute what was admitted, in batches with whatever else there is to do.

        Raises:
            ServerError: the queue is full, the deadline passed or the runtime failed.
        """
        structures = admission.structures
        pieces = await self.handily(structures, admission.pieces, self.limits.batch_cost)
        if len(pieces) == 1:
            computed = [await self._batcher.compute(model, pieces[0], deadline, patient)]
        else:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._batcher.compute(model, piece, deadline, patient))
                    for piece in pieces
                ]
            computed = [task.result() for task in tasks]
        outputs = [one.outputs for one in computed]
        explanations = await self.handily(structures, finish, model, admission, outputs)
        provenance = Provenance.of(
            model,
            max((one.queue_ms for one in computed), default=0.0),
            sum(one.compute_ms for one in computed),
            sum(one.batch_cost for one in computed),
        )
        return explanations, provenance

    async def context(self, probe: Probe) -> Context | None:
        """Return what the probe feels of the atoms beside their elements, None where that is all."""
        return await self._batcher.run(partial(self._contexts.of, probe))

    async def slabs(self, probe: Probe, context: Context | None) -> AsyncGenerator[Slab, None]:
        """Yield the slabs wanted, in order; while one is being taken, the next two are computed and no other.

        Two, so that no worker is idle while another has the last tiles of a slab.
        """
        workers = asyncio.Semaphore(self._workers)
        wanted = iter(range(probe.first_slab, probe.slabs))
        coming = deque(self._begin(probe, context, index, workers) for index in islice(wanted, AHEAD))
        try:
            while coming:
                slab = await coming.popleft()
                coming += [self._begin(probe, context, index, workers) for index in islice(wanted, 1)]
                yield slab
        finally:
            for task in coming:
                task.cancel()
            await asyncio.gather(*coming, return_exceptions=True)

    def _begin(
        self, probe: Probe, context: Context | None, index: int, workers: asyncio.Semaphore
    ) -> asyncio.Task[Slab]:
        return asyncio.create_task(self._slab(probe, context, index, workers))

    async def _slab(
        self, probe: Probe, context: Context | None, index: int, workers: asyncio.Semaphore
    ) -> Slab:
        """Compute one slab some tiles at a time, on as many workers as there are, in turn with other work."""

        async def turn(function: Callable[[], T]) -> T:
            async with workers:
                return await self._batcher.run(function)

        async def stretch(first: int) -> list[tuple[Tile, TileValues]]:
            tiles = await turn(partial(probe.tiles_of_stretch, index, first))
            async with asyncio.TaskGroup() as group:
                runs = [
                    group.create_task(turn(partial(compute_tiles, probe, context, run)))
                    for run in runs_of(tiles)
                ]
            return list(zip(tiles, chain.from_iterable(run.result() for run in runs), strict=True))

        async with asyncio.TaskGroup() as group:
            stretches = [group.create_task(stretch(first)) for first in probe.stretches(index)]
        computed = list(chain.from_iterable(one.result() for one in stretches))
        return await self.outside(Slab.assemble, probe, index, computed)

    async def handily(
        self, structures: Structures, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function of structures: right here where they are few, otherwise outside the event loop.

        Raises:
            UnavailableError: the engine is closed.
        """
        if len(structures.numbers) + len(structures) > FEW or structures.are_periodic:
            return await self.outside(function, *args, **kwargs)
        self._check_open()
        return function(*args, **kwargs)

    async def outside(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function that takes a while outside the event loop.

        Raises:
            UnavailableError: the engine is closed.
        """
        self._check_open()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._door, lambda: function(*args, **kwargs))

    def _check_open(self) -> None:
        if self._closed:
            raise UnavailableError("the server is shutting down")

    async def close(self) -> None:
        """Finish what is being computed and let the threads go."""
        self._closed = True
        await self._batcher.close()
        self._door.shutdown()
