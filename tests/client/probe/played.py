"""Played: a server played by hand, which answers probes with invented values and breaks when told to."""

from __future__ import annotations

import asyncio
import threading
import zlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any

import numpy as np

from atomlens.client import CancelledError, UnavailableError
from atomlens.client.probe.request import probe_request
from atomlens.client.structure import Floats
from atomlens.v1 import probes_pb2

from .conftest import ALIGNED, WATER

ELEMENTS = ("H", "C")
NUMBERS = (1, 6)
SLAB_POINTS = 50
POINTS = len(ALIGNED)  # in five slabs, the last of ten points
SLABS = 5
DIGEST, MODEL_DIGEST = "cd" * 32, "ab" * 32
VALUES = np.random.default_rng(3).normal(size=(2, POINTS)).astype(np.float32)
GRID = probes_pb2.Grid(
    origin=ALIGNED.origin.astype("<f8").tobytes(),
    axes=ALIGNED.axes.astype("<f8").tobytes(),
    counts=np.array(ALIGNED.counts, "<i4").tobytes(),
)
GONE = UnavailableError("gone")
Message = probes_pb2.ProbeResponse


def request(where: probes_pb2.Grid | Floats = GRID, **fields: Any) -> probes_pb2.ProbeRequest:
    """Return what a client asks."""
    place = where if isinstance(where, probes_pb2.Grid) else where.astype("<f8").tobytes()
    return probe_request(WATER, ELEMENTS, "m", place, **fields)


def header(**changes: Any) -> Message:
    """Return the header of that answer, or of one in which something is changed."""
    fields = [probes_pb2.ProbeField(head="energy", element=number, unit="eV") for number in NUMBERS]
    told: dict[str, Any] = {
        "digest": DIGEST,
        "model": "m",
        "version": 7,
        "model_digest": MODEL_DIGEST,
        "provider": "cpu",
        "fields": fields,
        "grid": GRID,
        "points": POINTS,
        "dtype": "float32",
        "slab_points": SLAB_POINTS,
        "slabs": SLABS,
    }
    return Message(header=probes_pb2.ProbeHeader(**(told | changes)))


def slab(index: int, **changes: Any) -> Message:
    """Return one slab, or one in which something is changed."""
    first = index * SLAB_POINTS
    values = VALUES[:, first : first + SLAB_POINTS].astype("<f4").tobytes()
    told: dict[str, Any] = {
        "index": index,
        "first_point": first,
        "values": values,
        "checksum": zlib.crc32(values),
    }
    return Message(slab=probes_pb2.ProbeSlab(**(told | changes)))


def trailer(first: int = 0, **changes: Any) -> Message:
    """Return the trailer of a stream from slab ``first`` on."""
    sent = b"".join(slab(index).slab.values for index in range(first, SLABS))
    ranges = [
        probes_pb2.ProbeRange(
            minimum=row.min(), minimum_point=row.argmin(), maximum=row.max(), maximum_point=row.argmax()
        )
        for row in VALUES
    ]
    closeness = [
        probes_pb2.ProbeCloseness(
            element=number,
            points=10 + number,
            numbers=bytes([1, 8]),
            distances=np.array([0.6, 0.8]).tobytes(),
        )
        for number in NUMBERS
    ]
    told: dict[str, Any] = {
        "slabs": SLABS - first,
        "checksum": zlib.crc32(sent),
        "ranges": ranges,
        "trusted_ranges": ranges[::-1],
        "closeness": closeness,
        "compute_ms": 2.5,
    }
    return Message(trailer=probes_pb2.ProbeTrailer(**(told | changes)))


def answer(first: int = 0) -> list[Message]:
    """Return all messages of a stream from slab ``first`` on."""
    return [header(), *(slab(index) for index in range(first, SLABS)), trailer(first)]


class StallError(Exception):
    """Not an end: the call says nothing any more until it is cancelled."""


class Played:
    """A transport whose calls come to an ``end`` after so many slabs each, those after the last not at all.

    A call that ends before any slab does so without a header. None is an end without an error.
    """

    def __init__(self, *ends_after: int, end: Exception | None = GONE) -> None:
        self.ends_after, self.end = ends_after, end
        self.requests: list[probes_pb2.ProbeRequest] = []
        self.calls: list[Call] = []

    def probe(self, request: probes_pb2.ProbeRequest) -> Call:
        """Open a call."""
        self.requests.append(probes_pb2.ProbeRequest.FromString(request.SerializeToString()))
        messages, end = answer(request.first_slab), None
        if len(self.calls) < len(self.ends_after):
            slabs = self.ends_after[len(self.calls)]
            messages, end = messages[: slabs + 1 if slabs else 0], self.end
        self.calls.append(Call(messages, end))
        return self.calls[-1]

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not for probes")


class Call:
    """One call."""

    def __init__(self, messages: Sequence[Message], end: Exception | None) -> None:
        self.messages, self.end = messages, end
        self.sent = 0
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        """Cancel."""
        self.cancelled.set()

    def __iter__(self) -> Iterator[Message]:
        for message in self.messages:
            self.sent += 1
            yield message
        if isinstance(self.end, StallError):
            assert self.cancelled.wait(30)
            raise CancelledError("cancelled")
        if self.end is not None:
            raise self.end


class AsyncPlayed:
    """The same for programs with an event loop; closing a call cancels it."""

    def __init__(self, played: Played) -> None:
        self.played = played

    async def probe(self, request: probes_pb2.ProbeRequest) -> AsyncGenerator[Message, None]:
        """Open a call."""
        call = self.played.probe(request)
        try:
            for message in call.messages:
                call.sent += 1
                yield message
            if isinstance(call.end, StallError):
                await asyncio.Event().wait()
            if call.end is not None:
                raise call.end
        finally:
            call.cancel()

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not for probes")
