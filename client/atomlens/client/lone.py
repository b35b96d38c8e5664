"""Lone: the messages of one structure by itself, made and read in few steps, for most calls ask about one.

They are those of a batch of one, without the batch; what is out of the ordinary goes by way of `wire`.
"""

from __future__ import annotations

import struct

from atomlens.client import wire
from atomlens.client.explanation import Explanation, ModelReference, Outcome
from atomlens.client.head import Head, Heads
from atomlens.client.structure import NOT_PERIODIC, Structure
from atomlens.v1 import explanation_service_pb2, explanations_pb2, structures_pb2

COUNT = struct.Struct("<i")


def lone_request(model: str, one: Structure) -> explanation_service_pb2.ExplainRequest:
    """Return the request for one structure, which fits into a message."""
    return explanation_service_pb2.ExplainRequest(
        model=explanations_pb2.ModelSelector(name=model), structures=_encode(one)
    )


def read_lone(response: explanation_service_pb2.ExplainResponse, one: Structure) -> Outcome:
    """Return the answer to one structure; raises `InternalError` where they disagree."""
    message, origin, atoms = response.explanations, response.provenance, len(one.numbers)
    if message.failures or message.warnings or message.counts != COUNT.pack(atoms):
        return wire.decode(message, origin, [one])[0]
    model = ModelReference(origin.model, origin.version, origin.digest, origin.provider)
    return Explanation(one, Heads({head.head: _head(head, atoms) for head in message.heads}), (model,))


def _encode(one: Structure) -> structures_pb2.Structures:
    if one.cell is not None or one.pbc is not NOT_PERIODIC or one.charge or one.spin:
        return wire.encode([one])
    return structures_pb2.Structures(
        counts=COUNT.pack(len(one.numbers)),
        numbers=one.numbers.tobytes(),
        positions=one.positions.astype("<f8", copy=False).tobytes(),
    )


def _head(message: explanations_pb2.HeadExplanation, atoms: int) -> Head:
    offset = message.offset if message.HasField("offset") else None
    dipole = message.dipole if message.HasField("dipole") else None
    return Head(
        message.head,
        wire.AGGREGATIONS.get(message.aggregation, "unknown"),
        message.unit,
        message.property_unit,
        float(wire.array(message.properties, "<f8", "properties", 1)[0]),
        wire.array(message.contributions, "<f8", "contributions", atoms),
        None if offset is None else wire.array(offset.model, "<f8", "model", atoms),
        None if offset is None else wire.array(offset.offset, "<f8", "offset", atoms),
        None if dipole is None else wire.array(dipole.raw, "<f8", "raw", atoms),
        None if dipole is None else wire.array(dipole.vectors, "<f8", "vectors", 3),
        None if dipole is None else wire.array(dipole.origins, "<f8", "origins", 3),
    )
