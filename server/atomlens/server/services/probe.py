"""Probe streams: answers to Probe, produced no faster than they are read."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from atomlens.server.async_engine import AsyncEngine
from atomlens.server.calls import Call, Context
from atomlens.server.errors import UnavailableError
from atomlens.server.probes.probe import Probe
from atomlens.server.probes.summary import Summary
from atomlens.server.services.open_streams import OpenStreams
from atomlens.server.services.reader import write
from atomlens.server.services.stay import Stay
from atomlens.server.settings import ServerSettings
from atomlens.v1 import probes_pb2


class ProbeStreams:
    """The probes that are being answered, each no faster than its reader reads."""

    def __init__(
        self, engine: AsyncEngine, settings: ServerSettings, draining: asyncio.Event, streams: OpenStreams
    ) -> None:
        self._engine, self._settings, self._draining, self._streams = engine, settings, draining, streams

    async def answer(self, request: probes_pb2.ProbeRequest, call: Call) -> None:
        """Write the header, every slab when the one before it is taken, and the trailer.

        Raises:
            ServerError: the request breaks a rule, too many probes are being answered, or the server leaves.
        """
        with self._streams.one_more("probe", call.client):
            engine, stay = self._engine, Stay(self._draining, self._settings)
            probe = await engine.outside(Probe.from_proto, request, engine.repository, engine.limits)
            await self._write(call.context, probe.header())
            features, summary = await engine.context(probe, call), Summary(probe)
            async with aclosing(engine.slabs(probe, features, call)) as slabs:
                async for slab in slabs:
                    await engine.outside(summary.add, slab)
                    await self._write(call.context, slab.to_proto())
                    if stay.is_over and slab.index + 1 < probe.slabs:
                        raise _moved(slab.index + 1)
            await self._write(call.context, summary.to_proto())

    async def _write(self, context: Context, message: probes_pb2.ProbeResponse) -> None:
        """Write a message when the reader has room for it; one who has none for long loses the place."""
        again = "ask for the missing slabs, with the header's digest"
        await write(context, message, self._settings.probe_patience_seconds, again)


def _moved(slab: int) -> UnavailableError:
    """Return what has a stream go on elsewhere, rather than hold a server or a connection that is to end."""
    return UnavailableError(
        f"the server ends this stream: ask again, from slab {slab} on, with the header's digest", "MOVED"
    )
