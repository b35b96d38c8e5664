"""Probing: requests for probes, and what they answer put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from atomlens.server.buffers import encode
from atomlens.server.probes.places import Grid
from atomlens.server.probes.tile_values import Values
from atomlens.v1 import probes_pb2, structures_pb2
from atomlens.v1.explanations_pb2 import ModelSelector

MODEL = "toy-schnet-energy"


def cube(count: int, width: float = 8.0) -> Grid:
    """Return count³ points about the origin."""
    return Grid(np.full(3, -width / 2), np.eye(3) * width / count, np.full(3, count))


def ask(
    structures: structures_pb2.Structures,
    where: Grid | probes_pb2.FittedGrid | bytes | None,
    elements: Sequence[int] = (1,),
    left_out: Sequence[int] = (),
    model: str = MODEL,
    **fields: Any,
) -> probes_pb2.ProbeRequest:
    """Return a request; points are given as bytes."""
    request = probes_pb2.ProbeRequest(
        model=ModelSelector(name=model),
        structures=structures,
        elements=bytes(elements),
        left_out=encode(np.array(left_out), "<i4"),
        **fields,
    )
    if isinstance(where, Grid):
        request.grid.CopyFrom(where.to_proto())
    elif isinstance(where, probes_pb2.FittedGrid):
        request.fitted.CopyFrom(where)
    elif where is not None:
        request.points = where
    return request


@dataclass(frozen=True)
class Answer:
    """All messages of one stream, in the order that the contract has them in."""

    header: probes_pb2.ProbeHeader
    slabs: list[probes_pb2.ProbeSlab]
    trailer: probes_pb2.ProbeTrailer

    @classmethod
    def of(cls, messages: Iterable[probes_pb2.ProbeResponse]) -> Answer:
        """Return the answer that messages make, whose order is checked."""
        received = list(messages)
        kinds = [message.WhichOneof("content") for message in received]
        assert kinds == ["header", *["slab"] * (len(received) - 2), "trailer"]
        return cls(received[0].header, [message.slab for message in received[1:-1]], received[-1].trailer)

    @property
    def values(self) -> Values:
        """The values of all slabs: (fields, points)."""
        fields = len(self.header.fields)
        slabs = [np.frombuffer(slab.values, "<f4").reshape(fields, -1) for slab in self.slabs]
        return np.concatenate([np.zeros((fields, 0), np.float32), *slabs], axis=1)
