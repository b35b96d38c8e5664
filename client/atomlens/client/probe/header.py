"""Header and trailer: what a stream of slabs is about, and what was sent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from atomlens.client.elements import SYMBOLS
from atomlens.client.errors import InternalError
from atomlens.client.explanation import ModelReference
from atomlens.client.probe.grid import Grid
from atomlens.client.probe.probe_field import ProbeField
from atomlens.client.probe.value_range import ValueRange
from atomlens.v1 import probes_pb2

DTYPE = "float32"
FARTHEST_ANGSTROM = 100.0  # at which a point may be close to a nucleus: no model feels as far


@dataclass(frozen=True, slots=True)
class ProbeHeader:
    """What is to come."""

    digest: str  # SHA-256 of all that the values depend on
    model: ModelReference
    fields: tuple[ProbeField, ...]
    grid: Grid | None  # None for a list of points
    points: int
    slab_points: int  # of which the last slab may have fewer
    slabs: int

    @classmethod
    def from_proto(cls, message: probes_pb2.ProbeHeader) -> ProbeHeader:
        """Return the header that a message holds; raises `InternalError` when it makes no sense."""
        if message.dtype != DTYPE:
            raise InternalError(f"the server sends values of type {message.dtype!r}, not {DTYPE}")
        with _sense("header"):
            header = cls(
                message.digest,
                ModelReference(message.model, message.version, message.model_digest, message.provider),
                tuple(ProbeField(one.head, SYMBOLS[one.element], one.unit) for one in message.fields),
                _grid(message.grid) if message.HasField("grid") else None,
                message.points,
                message.slab_points,
                message.slabs,
            )
        header._check()
        return header

    def length(self, slab: int) -> int:
        """Return the number of points of a slab."""
        return min(self.slab_points, self.points - slab * self.slab_points)

    def _check(self) -> None:
        if self.grid is not None and math.prod(self.grid.counts) != self.points:
            raise InternalError("the server tells another number of points than its grid has")
        whole = self.points and self.slab_points and self.slabs == -(-self.points // self.slab_points)
        if not (whole and self.fields):
            raise InternalError(
                f"the server tells of {self.points} points in {self.slabs} slabs of {self.slab_points}, with "
                f"{len(self.fields)} fields"
            )


@dataclass(frozen=True, slots=True)
class ProbeTrailer:
    """What the last call sent, which after a break is only the rest."""

    slabs: int
    checksum: int  # CRC-32 of all values, as they were sent
    ranges: tuple[ValueRange, ...]  # of each field
    trusted_ranges: tuple[ValueRange, ...]  # of each field, among points that do not extrapolate
    extrapolating: Mapping[str, int]  # points of each probe that are nearer to a nucleus than in training
    closest: Mapping[str, Mapping[str, float]]  # of each probe and element: what is nearer, in Å
    compute_ms: float

    @classmethod
    def from_proto(cls, message: probes_pb2.ProbeTrailer) -> ProbeTrailer:
        """Return the trailer that a message holds; raises `InternalError` when it makes no sense."""
        with _sense("trailer"):
            return cls(
                message.slabs,
                message.checksum,
                tuple(map(_range, message.ranges)),
                tuple(map(_range, message.trusted_ranges)),
                {SYMBOLS[one.element]: one.points for one in message.closeness},
                {SYMBOLS[one.element]: _distances(one) for one in message.closeness},
                message.compute_ms,
            )


@contextmanager
def _sense(name: str) -> Iterator[None]:
    """Take numbers and buffers that nothing can be made of for a fault of the server."""
    try:
        yield
    except (ValueError, IndexError) as error:
        raise InternalError(f"the server sent a {name} that makes no sense: {error}") from error


def _grid(message: probes_pb2.Grid) -> Grid:
    return Grid(
        np.frombuffer(message.origin, "<f8"),
        np.frombuffer(message.axes, "<f8").reshape(3, 3),
        np.frombuffer(message.counts, "<i4"),
    )


def _range(message: probes_pb2.ProbeRange) -> ValueRange:
    return ValueRange(message.minimum, message.minimum_point, message.maximum, message.maximum_point)


def _distances(message: probes_pb2.ProbeCloseness) -> dict[str, float]:
    distances = np.frombuffer(message.distances, "<f8").tolist()
    if not all(0.0 <= distance <= FARTHEST_ANGSTROM for distance in distances):  # false for NaN
        raise ValueError(f"closest distances must be from 0 to {FARTHEST_ANGSTROM:g} Å, got {distances}")
    return {SYMBOLS[number]: distance for number, distance in zip(message.numbers, distances, strict=True)}
