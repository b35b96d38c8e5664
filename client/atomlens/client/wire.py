"""Wire: structures as flat buffers, and answers as slices of flat buffers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from atomlens.client.errors import InputError, InternalError
from atomlens.client.explanation import Explanation, ModelReference, Outcome
from atomlens.client.failure import Failure
from atomlens.client.head import Head
from atomlens.client.structure import Floats, Structure
from atomlens.client.translation import of_one_structure
from atomlens.v1 import card_pb2, explanations_pb2, structures_pb2

MAX_MESSAGE_BYTES = 16 * 2**20
ATOM_BYTES = 25  # a number and a position
MARGIN_BYTES = 2 * 2**20  # for all else in a message
AGGREGATIONS = {
    card_pb2.AGGREGATION_SUM: "sum",
    card_pb2.AGGREGATION_MEAN: "mean",
    card_pb2.AGGREGATION_DIPOLE: "dipole",
    card_pb2.AGGREGATION_SECOND_MOMENT: "second_moment",
}


def check_size(structure: Structure) -> None:
    """Raise `InputError` for a structure that no message can hold."""
    largest = (MAX_MESSAGE_BYTES - MARGIN_BYTES) // ATOM_BYTES
    if len(structure) > largest:
        raise InputError(
            f"a structure must have at most {largest} atoms to fit into a message, got {len(structure)}",
            reason="MESSAGE_TOO_LARGE",
            field="positions",
        )


def encode(structures: Sequence[Structure]) -> structures_pb2.Structures:
    """Return structures as one ragged batch; fields that none of them needs are left out."""
    message = structures_pb2.Structures(
        counts=np.array([len(structure) for structure in structures], "<i4").tobytes(),
        numbers=b"".join(structure.numbers.tobytes() for structure in structures),
        positions=b"".join(structure.positions.astype("<f8").tobytes() for structure in structures),
    )
    if any(structure.cell is not None for structure in structures):
        none = np.zeros((3, 3))
        cells = [none if structure.cell is None else structure.cell for structure in structures]
        message.cells = np.array(cells, "<f8").tobytes()
    if any(structure.pbc.any() for structure in structures):
        message.pbc = np.array([structure.pbc for structure in structures], "u1").tobytes()
    if any(structure.charge for structure in structures):
        message.charges = np.array([structure.charge for structure in structures], "<f8").tobytes()
    if any(structure.spin for structure in structures):
        message.spins = np.array([structure.spin for structure in structures], "<i4").tobytes()
    return message


def encode_ids(ids: Sequence[int]) -> bytes:
    """Return ids as uint64 (structures)."""
    return np.array(ids, "<u8").tobytes()


def decode_ids(buffer: bytes) -> list[int]:
    """Return the ids of a chunk."""
    ids: list[int] = _array(buffer, "<u8", "ids").tolist()
    return ids


def decode(
    message: explanations_pb2.Explanations,
    provenance: explanations_pb2.Provenance,
    structures: Sequence[Structure],
) -> list[Outcome]:
    """Return the answer or failure of each structure, in order.

    Raises `InternalError` when buffers and structures disagree.
    """
    model = ModelReference(provenance.model, provenance.version, provenance.digest, provenance.provider)
    failures = {failure.structure: failure for failure in message.failures}
    answered = np.array([0 if k in failures else len(structure) for k, structure in enumerate(structures)])
    counts = _array(message.counts, "<i4", "counts", len(structures))
    if not np.array_equal(counts, answered):
        raise InternalError("the server answered other numbers of atoms than it was sent")
    stops = np.cumsum(counts, dtype=np.int64)
    heads = [_HeadReader(head, len(structures), int(counts.sum())) for head in message.heads]
    warnings = _warnings(message)
    outcomes: list[Outcome] = []
    for k, (structure, start, stop) in enumerate(
        zip(structures, (stops - counts).tolist(), stops.tolist(), strict=True)
    ):
        if k in failures:
            error = of_one_structure(failures[k].status)
            outcomes.append(Failure(structure.id, error, str(model), structure))
            continue
        parts = {head.name: head.read(k, slice(start, stop)) for head in heads}
        outcomes.append(Explanation(structure, parts, (model,), tuple(warnings.get(k, ()))))
    return outcomes


class _HeadReader:
    """The flat buffers of one head, from which each structure takes its slice."""

    def __init__(self, message: explanations_pb2.HeadExplanation, structures: int, atoms: int) -> None:
        self.name = message.head
        self.fixed: dict[str, Any] = {
            "name": message.head,
            "aggregation": AGGREGATIONS.get(message.aggregation, "unknown"),
            "unit": message.unit,
            "property_unit": message.property_unit,
        }
        self.values = _array(message.properties, "<f8", "properties", structures)
        self.atomic = dict(self._atomic(message, atoms))
        self.vectors = dict(self._vectors(message, structures))

    @staticmethod
    def _atomic(message: explanations_pb2.HeadExplanation, atoms: int) -> Iterator[tuple[str, Floats]]:
        yield "contributions", _array(message.contributions, "<f8", "contributions", atoms)
        if message.HasField("offset"):
            yield "model", _array(message.offset.model, "<f8", "model", atoms)
            yield "offset", _array(message.offset.offset, "<f8", "offset", atoms)
        if message.HasField("dipole"):
            yield "raw", _array(message.dipole.raw, "<f8", "raw", atoms)

    @staticmethod
    def _vectors(message: explanations_pb2.HeadExplanation, structures: int) -> Iterator[tuple[str, Floats]]:
        if message.HasField("dipole"):
            yield "vector", _array(message.dipole.vectors, "<f8", "vectors", structures * 3).reshape(-1, 3)
            yield "origin", _array(message.dipole.origins, "<f8", "origins", structures * 3).reshape(-1, 3)

    def read(self, structure: int, atoms: slice) -> Head:
        """Return the head of one structure."""
        atomic: dict[str, Any] = {name: values[atoms] for name, values in self.atomic.items()}
        vectors = {name: rows[structure] for name, rows in self.vectors.items()}
        return Head(**self.fixed, value=float(self.values[structure]), **atomic, **vectors)


def _warnings(message: explanations_pb2.Explanations) -> Mapping[int, list[str]]:
    warnings: dict[int, list[str]] = {}
    for warning in message.warnings:
        warnings.setdefault(warning.structure, []).append(warning.message)
    return warnings


def _array(buffer: bytes, dtype: str, name: str, length: int | None = None) -> npt.NDArray[Any]:
    """Return a buffer as an array without copying it."""
    if len(buffer) % np.dtype(dtype).itemsize:
        raise InternalError(f"`{name}` of the answer is cut off")
    array: npt.NDArray[Any] = np.frombuffer(buffer, dtype)
    if length is not None and len(array) != length:
        raise InternalError(f"`{name}` of the answer must have {length} entries, got {len(array)}")
    return array
