"""Wire: structures as flat buffers, and answers as slices of flat buffers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from atomlens.client.batch_head import BatchHead
from atomlens.client.errors import InputError, InternalError
from atomlens.client.explanation import ModelReference
from atomlens.client.explanations import Explanations
from atomlens.client.structure import Floats, StructureLike
from atomlens.client.structures import Bools, Structures
from atomlens.client.translation import of_one_structure
from atomlens.v1 import card_pb2, explanations_pb2, structures_pb2

AGGREGATIONS = {
    card_pb2.AGGREGATION_SUM: "sum",
    card_pb2.AGGREGATION_MEAN: "mean",
    card_pb2.AGGREGATION_DIPOLE: "dipole",
    card_pb2.AGGREGATION_SECOND_MOMENT: "second_moment",
}


def encode(structures: Iterable[StructureLike]) -> structures_pb2.Structures:
    """Return structures as one ragged batch; fields that none of them needs are left out."""
    batch = Structures.of(structures)
    return structures_pb2.Structures(
        counts=_bytes(batch.counts, "<i4"),
        numbers=_bytes(batch.numbers, "u1"),
        positions=_bytes(batch.positions, "<f8"),
        cells=_bytes(batch.cells, "<f8"),
        pbc=_bytes(batch.pbc, "u1"),
        charges=_bytes(batch.charges, "<f8"),
        spins=_bytes(batch.spins, "<i4"),
    )


def encode_ids(ids: npt.ArrayLike) -> bytes:
    """Return ids as uint64 (structures)."""
    return _bytes(np.asarray(ids, np.uint64), "<u8")


def decode_ids(buffer: bytes) -> npt.NDArray[np.uint64]:
    """Return the ids of a chunk."""
    return array(buffer, "<u8", "ids")


def decode(
    message: explanations_pb2.Explanations,
    provenance: explanations_pb2.Provenance,
    structures: Iterable[StructureLike],
) -> Explanations:
    """Return the answer or failure of each structure, in order.

    Raises `InternalError` when buffers and structures disagree.
    """
    batch = Structures.of(structures)
    failures = {failure.structure: of_one_structure(failure.status) for failure in message.failures}
    answered = _answered(batch, failures)
    if message.counts != _bytes(batch.counts if answered is None else batch.counts * answered, "<i4"):
        raise InternalError("the server answered other numbers of atoms than it was sent")
    where = None if answered is None else np.repeat(answered, batch.counts)
    model = ModelReference(provenance.model, provenance.version, provenance.digest, provenance.provider)
    try:
        heads = {head.head: _head(head, batch, where) for head in message.heads}
        return Explanations(batch, heads, (model,), failures, _warnings(message))
    except InputError as error:  # of values that the server made
        raise InternalError(f"the answer makes no sense: {error}") from error


def _answered(batch: Structures, failed: Iterable[int]) -> Bools | None:
    """Return which structures are answered, None for all of them: (structures,)."""
    places = list(failed)
    if not places:
        return None
    if max(places) >= len(batch):
        raise InternalError(f"the server failed structure {max(places)} of {len(batch)}")
    answered = np.ones(len(batch), np.bool_)
    answered[places] = False
    return answered


def _head(message: explanations_pb2.HeadExplanation, batch: Structures, where: Bools | None) -> BatchHead:
    """Return a head of a batch; ``where`` are the atoms that are in buffers, None for all: (atoms,)."""

    def atomic(name: str, buffer: bytes) -> Floats:
        found = len(batch.numbers) if where is None else int(where.sum())
        return _spread(array(buffer, "<f8", name, found), where)

    def vectors(name: str, buffer: bytes) -> Floats:
        return array(buffer, "<f8", name, len(batch) * 3).reshape(-1, 3)

    offset, dipole = message.HasField("offset"), message.HasField("dipole")
    return BatchHead(
        message.head,
        AGGREGATIONS.get(message.aggregation, "unknown"),
        message.unit,
        message.property_unit,
        array(message.properties, "<f8", "properties", len(batch)),
        atomic("contributions", message.contributions),
        atomic("model", message.offset.model) if offset else None,
        atomic("offset", message.offset.offset) if offset else None,
        atomic("raw", message.dipole.raw) if dipole else None,
        vectors("vectors", message.dipole.vectors) if dipole else None,
        vectors("origins", message.dipole.origins) if dipole else None,
    )


def _spread(values: Floats, where: Bools | None) -> Floats:
    """Return values of some atoms among all, NaN for the others: (atoms,)."""
    if where is None:
        return values
    spread = np.full(len(where), np.nan)
    spread[where] = values
    return spread


def _warnings(message: explanations_pb2.Explanations) -> dict[int, tuple[str, ...]]:
    warnings: dict[int, tuple[str, ...]] = {}
    for warning in message.warnings:
        warnings[warning.structure] = (*warnings.get(warning.structure, ()), warning.message)
    return warnings


def _bytes(values: npt.NDArray[Any] | None, dtype: str) -> bytes:
    """Return an array's bytes, nothing for none."""
    return b"" if values is None else values.astype(dtype, copy=False).tobytes()


def array(buffer: bytes, dtype: str, name: str, length: int | None = None) -> npt.NDArray[Any]:
    """Return a buffer as an array without copying it; raises `InternalError` for another length."""
    try:
        values: npt.NDArray[Any] = np.frombuffer(buffer, dtype)
    except ValueError as error:
        raise InternalError(f"`{name}` of the answer is cut off") from error
    if length is not None and len(values) != length:
        raise InternalError(f"`{name}` of the answer must have {length} entries, got {len(values)}")
    return values
