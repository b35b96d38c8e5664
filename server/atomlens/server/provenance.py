"""Provenance: which model gave an answer, where it ran and what it took."""

from __future__ import annotations

from dataclasses import dataclass

from atomlens.server.model import Model
from atomlens.v1 import explanations_pb2


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an answer comes from."""

    model: str
    version: int
    digest: str
    provider: str
    queue_ms: float
    compute_ms: float
    batch_cost: int  # atoms + pairs

    @classmethod
    def of(cls, model: Model, queue_ms: float, compute_ms: float, batch_cost: int) -> Provenance:
        """Return the provenance of an answer by this model."""
        return cls(model.name, model.version, model.digest, model.provider, queue_ms, compute_ms, batch_cost)

    def to_proto(self) -> explanations_pb2.Provenance:
        """Return the message for the wire."""
        return explanations_pb2.Provenance(
            model=self.model,
            version=self.version,
            digest=self.digest,
            provider=self.provider,
            queue_ms=self.queue_ms,
            compute_ms=self.compute_ms,
            batch_cost=self.batch_cost,
        )
