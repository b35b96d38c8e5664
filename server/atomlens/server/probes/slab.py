"""Slab: the values of consecutive points, put together from tiles."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from atomlens.server.buffers import encode
from atomlens.server.probes.probe import Probe
from atomlens.server.probes.tile_values import Mask, TileValues, Values
from atomlens.server.probes.tiles import Tile
from atomlens.v1 import probes_pb2


@dataclass(frozen=True)
class Slab:
    """Values of the points ``first_point``, ``first_point + 1``, ..."""

    index: int
    first_point: int
    values: Values  # (fields, points)
    close: Mask  # (elements, points)
    compute_ms: float

    @classmethod
    def assemble(cls, probe: Probe, index: int, computed: Sequence[tuple[Tile, TileValues]]) -> Slab:
        """Return a slab from all its tiles and their values, in any order."""
        first, last = probe.span(index)
        values = np.empty((probe.fields, last - first), np.float32)
        close = np.empty((len(probe.elements), last - first), np.bool_)
        for tile, result in computed:
            values[:, tile.rows], close[:, tile.rows] = result.values, result.close
        compute_ms = sum(result.compute_ms for _, result in computed)
        return cls(index, first, values, close, compute_ms)

    @cached_property
    def payload(self) -> bytes:
        """The values as they are sent: float32, (fields, points)."""
        return encode(self.values, "<f4")

    def to_proto(self) -> probes_pb2.ProbeResponse:
        """Return the message for the wire."""
        return probes_pb2.ProbeResponse(
            slab=probes_pb2.ProbeSlab(
                index=self.index,
                first_point=self.first_point,
                values=self.payload,
                checksum=zlib.crc32(self.payload),
            )
        )
