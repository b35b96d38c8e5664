"""AsyncEngine: the engine for many callers at once, on an event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import ParamSpec, TypeVar

from atomlens.server.admission import Admission, admit
from atomlens.server.batching import Batcher, Caller, Computed, Observer
from atomlens.server.calls import current
from atomlens.server.engine import finish
from atomlens.server.errors import UnavailableError
from atomlens.server.explanations import Explanations
from atomlens.server.limits import Limits
from atomlens.server.model import Context, Model
from atomlens.server.probes.contexts import Contexts
from atomlens.server.probes.probe import Probe
from atomlens.server.probes.probing import Probing
from atomlens.server.probes.slab import Slab
from atomlens.server.provenance import Provenance
from atomlens.server.repository import Repository
from atomlens.server.settings import ServerSettings
from atomlens.server.structures import Structures
from atomlens.server.telemetry.traces import computed as tell_computed
from atomlens.server.telemetry.traces import part
from atomlens.server.work import Work

FEW = 256  # atoms and structures: going to another thread and back takes longer than what is done there
AHEAD = 2  # slabs of a probe that are computed before they can be sent
P = ParamSpec("P")
T = TypeVar("T")


class AsyncEngine:
    """Admits, batches across callers and finishes, outside the event loop where that takes a while."""

    def __init__(
        self, repository: Repository, settings: ServerSettings, observer: Observer | None = None
    ) -> None:
        self.repository, self.limits = repository, settings.limits
        self._contexts = Contexts(settings.context_cache_mib * 2**20)
        repository.when_gone(self._contexts.forget)
        self.chunk_limits = replace(self.limits, max_request_cost=settings.max_chunk_cost)
        self.batcher = Batcher(settings, observer)
        self._door = ThreadPoolExecutor(settings.threads, "door")
        self._closed = False

    async def admit(
        self, model: Model, structures: Structures, heads: Sequence[str], limits: Limits | None = None
    ) -> Admission:
        """Validate structures and find their neighbors, within the engine's limits or others.

        Raises:
            InputError: a head is unknown, or the batch is too large as a whole.
        """
        with part("parse"):
            return await self.handily(structures, admit, model, structures, heads, limits or self.limits)

    async def finish(
        self, model: Model, admission: Admission, caller: Caller, patient: bool = False
    ) -> tuple[Explanations, Provenance]:
        """Compute what was admitted, in batches with whatever else there is to do.

        Raises:
            ServerError: the queue is full, the deadline passed, or would before the work is done.
        """
        structures = admission.structures
        pieces = await self.handily(structures, self._pieces, model, admission)
        computed = await self.batcher.compute(model, pieces, caller, patient)
        provenance = _provenance(model, computed)
        tell_computed(provenance.queue_ms, provenance.compute_ms, provenance.batch_cost)
        with part("split"):
            outputs = [one.outputs for one in computed]
            explanations = await self.handily(structures, finish, model, admission, outputs)
        _account(model, admission, explanations)
        return explanations, provenance

    def _pieces(self, model: Model, admission: Admission) -> list[Work]:
        """Return what was admitted in pieces that fit into batches as they may be now."""
        cost_of = self.batcher.batch_cost_of
        return [piece for work in admission.works for piece in work.pieces(cost_of(model, work))]

    async def context(self, probe: Probe, caller: Caller) -> Context | None:
        """Return what the probe feels of the atoms beside their elements, None where that is all."""
        kind = (probe.model.digest, "context")
        with part("context"):
            return await self.batcher.run(partial(self._contexts.of, probe), caller, kind, probe.work.load)

    async def slabs(
        self, probe: Probe, context: Context | None, caller: Caller
    ) -> AsyncGenerator[Slab, None]:
        """Yield the slabs wanted, in order; while one is being taken, the next two are computed and no other.

        Two, so that no worker is idle while another has the last tiles of a slab.
        """
        probing = Probing(self.batcher, probe, context, caller)
        wanted = iter(range(probe.first_slab, probe.slabs))
        coming = deque(self._begin(probing, index) for index in islice(wanted, AHEAD))
        try:
            while coming:
                slab = await coming.popleft()
                coming += [self._begin(probing, index) for index in islice(wanted, 1)]
                yield slab
                _account_points(probe.model, slab)
        finally:
            for task in coming:
                task.cancel()
            await asyncio.gather(*coming, return_exceptions=True)

    def _begin(self, probing: Probing, index: int) -> asyncio.Task[Slab]:
        return asyncio.create_task(self._slab(probing, index))

    async def _slab(self, probing: Probing, index: int) -> Slab:
        """Compute one slab some tiles at a time, in turn with other work."""
        with part("slab"):
            computed = await probing.tiles_of_slab(index)
            return await self.outside(Slab.assemble, probing.probe, index, computed)

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
        inside = copy_context()  # the log names the call in every thread
        return await loop.run_in_executor(self._door, lambda: inside.run(function, *args, **kwargs))

    @property
    def context_bytes(self) -> int:
        """Memory for what probes feel of structures probed lately."""
        return self._contexts.bytes

    def _check_open(self) -> None:
        if self._closed:
            raise UnavailableError("the server is shutting down")

    async def close(self) -> None:
        """Finish what is being computed and let the threads go."""
        self._closed = True
        await self.batcher.close()
        await asyncio.to_thread(self._door.shutdown)


def _account(model: Model, admission: Admission, explanations: Explanations) -> None:
    """Tell the call that is being answered what it came to."""
    if (call := current.get()) is not None:
        reasons = [error.reason for error in explanations.failures.values()]
        call.account.answered(model.name, model.version, len(explanations.answered), reasons, admission.cost)


def _account_points(model: Model, slab: Slab) -> None:
    if (call := current.get()) is not None:
        call.account.probed(model.name, model.version, slab.values.shape[1])


def _provenance(model: Model, computed: Sequence[Computed]) -> Provenance:
    return Provenance.of(
        model,
        max((one.queue_ms for one in computed), default=0.0),
        sum(one.compute_ms for one in computed),
        sum(one.batch_cost for one in computed),
    )
