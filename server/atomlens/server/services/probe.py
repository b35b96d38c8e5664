"""Probe streams: answers to Probe, produced no faster than they are read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager

from atomlens.server.async_engine import AsyncEngine
from atomlens.server.calls import Call, Context
from atomlens.server.errors import OverloadedError, UnavailableError
from atomlens.server.probes.probe import Probe
from atomlens.server.probes.summary import Summary
from atomlens.server.settings import ServerSettings
from atomlens.v1 import probes_pb2


class ProbeStreams:
    """The probes that are being answered, no more than so many at once: a reader may stop reading any."""

    def __init__(self, engine: AsyncEngine, settings: ServerSettings, draining: asyncio.Event) -> None:
        self._engine, self._draining = engine, draining
        self._most, self._patience_seconds = settings.probe_streams, settings.probe_patience_seconds
        self._open = 0

    async def answer(self, request: probes_pb2.ProbeRequest, call: Call) -> None:
        """Write the header, every slab when the one before it is taken, and the trailer.

        Raises:
            ServerError: the request breaks a rule, too many probes are being answered, or the server leaves.
        """
        with self._one_more():
            engine = self._engine
            probe = await engine.outside(Probe.from_proto, request, engine.repository, engine.limits)
            await self._write(call.context, probe.header())
            features, summary = await engine.context(probe, call), Summary(probe)
            async with aclosing(engine.slabs(probe, features, call)) as slabs:
                async for slab in slabs:
                    self._check_staying(slab.index)
                    await engine.outside(summary.add, slab)
                    await self._write(call.context, slab.to_proto())
            await self._write(call.context, summary.to_proto())

    async def _write(self, context: Context, message: probes_pb2.ProbeResponse) -> None:
        """Write a message when the reader has room for it; one who has none for long loses the place."""
        try:
            async with asyncio.timeout(self._patience_seconds):
                await context.write(message)
        except TimeoutError:
            raise UnavailableError(
                f"nothing was read for {self._patience_seconds:g} s: ask for the missing slabs, with the "
                "header's digest",
                "STALLED",
            ) from None

    @contextmanager
    def _one_more(self) -> Iterator[None]:
        if self._open == self._most:
            raise OverloadedError(
                f"the server answers at most {self._most} probes at once; try again later", "TOO_MANY_PROBES"
            )
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def _check_staying(self, index: int) -> None:
        """Let a stream go on elsewhere rather than hold a server that is told to leave."""
        if self._draining.is_set():
            raise UnavailableError(
                f"the server is leaving: ask another from slab {index} on, with the header's digest"
            )
