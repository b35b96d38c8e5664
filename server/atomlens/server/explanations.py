"""Explanations: what answers a batch of structures, with failures and warnings in their places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from atomlens.server.buffers import encode
from atomlens.server.errors import ServerError
from atomlens.server.heads import DipoleParts, HeadResult, OffsetParts
from atomlens.server.structures import Integers
from atomlens.v1 import explanations_pb2


@dataclass(frozen=True, slots=True)
class Warned:
    """What to keep in mind about one structure's answer."""

    structure: int
    kind: explanations_pb2.WarningKind.ValueType
    message: str


@dataclass(frozen=True, slots=True)
class Explanations:
    """Answers to ``structures`` structures, of which those in ``answered`` have one."""

    structures: int
    answered: Integers  # indices of the structures that were answered, ascending
    counts: Integers  # their atoms, (answered,)
    heads: tuple[HeadResult, ...]  # of the answered structures
    failures: Mapping[int, ServerError]  # by index
    warnings: tuple[Warned, ...]

    def to_proto(self) -> explanations_pb2.Explanations:
        """Return the message for the wire."""
        return explanations_pb2.Explanations(
            counts=encode(self._spread(self.counts, 0), "<i4"),
            heads=[self._head(result) for result in self.heads],
            failures=[
                explanations_pb2.Failure(structure=index, status=error.to_status())
                for index, error in sorted(self.failures.items())
            ],
            warnings=[
                explanations_pb2.Warning(structure=one.structure, kind=one.kind, message=one.message)
                for one in self.warnings
            ],
        )

    def _head(self, result: HeadResult) -> explanations_pb2.HeadExplanation:
        message = explanations_pb2.HeadExplanation(
            head=result.head.name,
            aggregation=result.head.aggregation.value,
            unit=result.head.unit,
            property_unit=result.head.property_unit,
            properties=encode(self._spread(result.properties), "<f8"),
            contributions=encode(result.contributions, "<f8"),
        )
        if isinstance(result.parts, OffsetParts):
            message.offset.model = encode(result.parts.model, "<f8")
            message.offset.offset = encode(result.parts.offset, "<f8")
        elif isinstance(result.parts, DipoleParts):
            message.dipole.raw = encode(result.parts.raw, "<f8")
            message.dipole.vectors = encode(self._spread(result.parts.vectors), "<f8")
            message.dipole.origins = encode(self._spread(result.parts.origins), "<f8")
        return message

    def _spread(self, values: npt.NDArray[Any], other: float = np.nan) -> npt.NDArray[Any]:
        """Return values of answered structures at their places among all, and what the others have."""
        if len(values) == self.structures:
            return values
        spread = np.full((self.structures, *values.shape[1:]), other)
        spread[self.answered] = values
        return spread
