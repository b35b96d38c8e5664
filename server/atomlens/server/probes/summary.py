"""Summary: what is told at last of all slabs that a stream sent."""

from __future__ import annotations

import zlib

import numpy as np

from atomlens.server.buffers import encode
from atomlens.server.probes.probe import Probe
from atomlens.server.probes.slab import Slab
from atomlens.server.probes.tile_values import Values
from atomlens.server.structures import Integers
from atomlens.v1 import probes_pb2


class _Extremes:
    """Lowest and highest value of one field so far, and the first points that have them."""

    def __init__(self) -> None:
        self._lowest, self._highest = (np.nan, 0), (np.nan, 0)

    def add(self, values: Values, points: Integers) -> None:
        """Take in values (points,) of these points."""
        if not len(values):
            return
        low, high = int(values.argmin()), int(values.argmax())
        if not self._lowest[0] <= values[low]:
            self._lowest = (float(values[low]), int(points[low]))
        if not self._highest[0] >= values[high]:
            self._highest = (float(values[high]), int(points[high]))

    def to_proto(self) -> probes_pb2.ProbeRange:
        """Return the message for the wire."""
        return probes_pb2.ProbeRange(
            minimum=self._lowest[0],
            minimum_point=self._lowest[1],
            maximum=self._highest[0],
            maximum_point=self._highest[1],
        )


class Summary:
    """What a stream has sent so far."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._slabs = self._checksum = 0
        self._ranges = [_Extremes() for _ in range(probe.fields)]
        self._trusted = [_Extremes() for _ in range(probe.fields)]
        self._close = np.zeros(len(probe.elements), np.int64)
        self._compute_ms = 0.0

    def add(self, slab: Slab) -> None:
        """Take in a slab."""
        self._slabs += 1
        self._checksum = zlib.crc32(slab.payload, self._checksum)
        self._close += slab.close.sum(1)
        self._compute_ms += slab.compute_ms
        points = slab.first_point + np.arange(slab.values.shape[1])
        for field, values in enumerate(slab.values):
            trusted = ~slab.close[field % len(self._close)]
            self._ranges[field].add(values, points)
            self._trusted[field].add(values[trusted], points[trusted])

    def to_proto(self) -> probes_pb2.ProbeResponse:
        """Return the last message of the answer."""
        probe = self._probe
        kinds = np.unique(probe.work.structures.numbers)
        distances = probe.model.card.closest[probe.elements][:, kinds]  # (elements, kinds)
        closeness = [
            probes_pb2.ProbeCloseness(
                element=element, points=count, numbers=encode(kinds, "u1"), distances=encode(row, "<f8")
            )
            for element, count, row in zip(
                probe.elements.tolist(), self._close.tolist(), distances, strict=True
            )
        ]
        return probes_pb2.ProbeResponse(
            trailer=probes_pb2.ProbeTrailer(
                slabs=self._slabs,
                checksum=self._checksum,
                ranges=[field.to_proto() for field in self._ranges],
                trusted_ranges=[field.to_proto() for field in self._trusted],
                closeness=closeness,
                compute_ms=self._compute_ms,
            )
        )
