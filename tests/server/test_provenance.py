"""`atomlens.server.provenance`."""

from __future__ import annotations

from atomlens.server.model import Model
from atomlens.server.provenance import Provenance
from atomlens.v1 import explanations_pb2


def test_an_answer_tells_where_it_comes_from(model: Model) -> None:
    """With model, version, digest and provider, and what it took."""
    assert Provenance.of(model, 1.5, 2.5, 7).to_proto() == explanations_pb2.Provenance(
        model="toy-schnet-energy",
        version=1,
        digest=model.bundle.digest,
        provider="cpu",
        queue_ms=1.5,
        compute_ms=2.5,
        batch_cost=7,
    )
