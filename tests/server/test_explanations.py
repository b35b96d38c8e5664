"""`atomlens.server.explanations`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from atomlens.server.engine import Engine
from atomlens.server.structures import Structures
from atomlens.v1 import card_pb2, explanations_pb2


def message(toy_repository: Path, water: Structures, model: str) -> explanations_pb2.Explanations:
    """Return what one model says of a bad, a good and another bad structure."""
    bad = replace(water, charges=np.array([1.0]))
    batch = Structures.concatenate([bad, water, bad])
    return Engine.open(toy_repository).explain(batch, model).to_proto()


def test_energies_on_the_wire(toy_repository: Path, water: Structures) -> None:
    """Counts are 0 and properties NaN for those that failed; atoms only of those that were answered."""
    said = message(toy_repository, water, "toy-schnet-energy")
    (head,) = said.heads
    assert (head.head, head.unit, head.property_unit) == ("energy", "eV", "eV")
    assert head.aggregation == card_pb2.AGGREGATION_SUM
    assert np.frombuffer(said.counts, "<i4").tolist() == [0, 3, 0]
    assert np.isnan(np.frombuffer(head.properties, "<f8")).tolist() == [True, False, True]
    parts = [
        np.frombuffer(part, "<f8") for part in (head.offset.model, head.offset.offset, head.contributions)
    ]
    assert [len(part) for part in parts] == [3, 3, 3]
    assert np.array_equal(parts[0] + parts[1], parts[2])
    assert [(failure.structure, failure.status.code) for failure in said.failures] == [(0, 3), (2, 3)]


def test_dipoles_on_the_wire(toy_repository: Path, water: Structures) -> None:
    """Vectors and origins are NaN for those that failed."""
    (head,) = message(toy_repository, water, "toy-bpnn-dipole").heads
    assert (head.head, head.unit, head.property_unit) == ("charge", "e", "e·Å")
    vectors, origins = (
        np.frombuffer(part, "<f8").reshape(3, 3) for part in (head.dipole.vectors, head.dipole.origins)
    )
    assert np.isnan(vectors).all(1).tolist() == np.isnan(origins).all(1).tolist() == [True, False, True]
    assert np.linalg.norm(vectors[1]) == np.frombuffer(head.properties, "<f8")[1]
    assert len(np.frombuffer(head.dipole.raw, "<f8")) == 3
