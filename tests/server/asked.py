"""Asked: a model that is asked over a socket, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
import numpy as np

from atomlens.server.structures import Floats, Structures
from atomlens.v1 import card_pb2, structures_pb2
from atomlens.v1.explanation_service_pb2 import (
    ExplainRequest,
    ExplainStreamRequest,
    StreamOptions,
    StructureChunk,
)
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import Explanations, ModelSelector
from atomlens.v1.model_service_pb2 import GetModelRequest
from atomlens.v1.model_service_pb2_grpc import ModelServiceStub

FLOAT64 = 1e-9  # eV, e or e·Å: sums are taken in float64


@dataclass(frozen=True)
class Answer:
    """The only head of a model, over a batch that was answered whole."""

    counts: np.ndarray
    properties: Floats  # (structures,)
    contributions: Floats  # (atoms,)
    parts: tuple[Floats, Floats]  # model and offset (atoms,), or raw (atoms,) and vectors (structures, 3)
    origins: Floats  # (structures, 3), of dipoles

    @classmethod
    def of(cls, message: Explanations) -> Answer:
        """Return the answer that a message holds."""
        assert not message.failures, message.failures[0].status.message
        (head,) = message.heads

        def floats(buffer: bytes, *shape: int) -> Floats:
            return np.frombuffer(buffer, "<f8").reshape(-1, *shape)

        parts = (floats(head.offset.model), floats(head.offset.offset))
        if head.HasField("dipole"):
            parts = (floats(head.dipole.raw), floats(head.dipole.vectors, 3))
        return cls(
            np.frombuffer(message.counts, "<i4"),
            floats(head.properties),
            floats(head.contributions),
            parts,
            floats(head.dipole.origins, 3),
        )


class Asked:
    """One model behind one channel."""

    def __init__(
        self, channel: grpc.Channel, name: str, pack: Callable[[Structures], structures_pb2.Structures]
    ) -> None:
        self.name, self._pack = name, pack
        self._explanations = ExplanationServiceStub(channel)
        self.card = ModelServiceStub(channel).GetModel(GetModelRequest(name=name)).card
        self.aggregation = self.card.heads[0].aggregation

    @property
    def is_dipole(self) -> bool:
        """Whether contributions are charges."""
        return self.aggregation == card_pb2.AGGREGATION_DIPOLE

    def property(self, structures: Structures, contributions: Floats) -> Floats:
        """Return the property that contributions make, written out: (structures,)."""
        centred = self.centred(structures)
        if self.aggregation == card_pb2.AGGREGATION_DIPOLE:
            return np.asarray(np.linalg.norm(pooled(structures, contributions[:, None] * centred), axis=1))
        if self.aggregation == card_pb2.AGGREGATION_SECOND_MOMENT:
            return pooled(structures, contributions * (centred**2).sum(1))
        sums = pooled(structures, contributions)
        means = self.aggregation == card_pb2.AGGREGATION_MEAN
        return np.asarray(sums / (structures.counts if means else 1.0), np.float64)

    def allowed(self, structures: Structures, error: float) -> Floats:
        """Return how far the property may be off where contributions are by ``error``: (structures,)."""
        if self.aggregation == card_pb2.AGGREGATION_SECOND_MOMENT:
            moments = pooled(structures, (self.centred(structures) ** 2).sum(1))
            return np.asarray(error * moments + FLOAT64)
        if self.aggregation == card_pb2.AGGREGATION_MEAN:
            return np.full(len(structures), error)
        return np.asarray(error * structures.counts, np.float64)

    def centred(self, structures: Structures) -> Floats:
        """Return positions about the centre of mass, with the masses on the card: (atoms, 3)."""
        masses = np.array([self.card.masses[number] for number in structures.numbers])[:, None]
        centers = pooled(structures, masses * structures.positions) / pooled(structures, masses)
        return np.asarray(structures.positions - centers[structures.owners])

    def __call__(self, structures: Structures) -> Answer:
        """Ask for a batch."""
        request = ExplainRequest(model=ModelSelector(name=self.name), structures=self._pack(structures))
        return Answer.of(self._explanations.Explain(request).explanations)

    def stream(self, structures: Structures, chunk: int) -> dict[int, Answer]:
        """Return the answers of a stream by the id of their first structure."""

        def requests() -> Iterator[ExplainStreamRequest]:
            yield ExplainStreamRequest(options=StreamOptions(model=ModelSelector(name=self.name)))
            for first in range(0, len(structures), chunk):
                rows = np.arange(first, min(first + chunk, len(structures)))
                packed = self._pack(structures.take(rows))
                content = StructureChunk(ids=rows.astype("<u8").tobytes(), structures=packed)
                yield ExplainStreamRequest(chunk=content)

        responses = [one for one in self._explanations.ExplainStream(requests()) if one.HasField("chunk")]
        first_ids = [int(np.frombuffer(one.chunk.ids, "<u8")[0]) for one in responses]
        return {
            first: Answer.of(one.chunk.explanations) for first, one in zip(first_ids, responses, strict=True)
        }


def pooled(structures: Structures, values: Floats) -> Floats:
    """Return plain sums over each structure, one by one."""
    ends = np.cumsum(structures.counts)
    return np.array(
        [values[end - count : end].sum(0) for end, count in zip(ends, structures.counts, strict=True)]
    )
