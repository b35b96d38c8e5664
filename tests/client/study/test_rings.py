"""Rings of known molecules with contributions that are easy to add."""

from __future__ import annotations

import math

import numpy as np
import pytest

from atomlens.client.study.perception import Unperceived, perceive_each
from atomlens.client.study.rings import (
    Ring,
    aromatic_below_saturated,
    by_kind,
    extremes,
    rank_rings,
    ring_summaries,
)

from .conftest import embedded

BENZENE, CYCLOHEXANE, CYCLOHEXENE = "c1ccccc1", "C1CCCCC1", "C1=CCCCC1"
PYRIDINE, CYCLOPENTANE, NAPHTHALENE = "c1ccncc1", "C1CCCC1", "c1ccc2ccccc2c1"


def rings_of(*smiles: str, per_carbon: tuple[float, ...]) -> tuple[Ring, ...]:
    """Return the rings of molecules whose carbons have one contribution each, and their other atoms 100."""
    structures = [embedded(one) for one in smiles]
    values = [
        np.where(one.numbers == 6, value, 100.0) for one, value in zip(structures, per_carbon, strict=True)
    ]
    return rank_rings(perceive_each(structures), [len(one) for one in structures], np.concatenate(values))


def test_rank() -> None:
    """Rings of six carbons are ranked by the sum over their atoms, lowest first, with their kind."""
    smiles = (CYCLOHEXANE, PYRIDINE, BENZENE, CYCLOPENTANE, CYCLOHEXENE)
    rings = rings_of(*smiles, per_carbon=(-4.0, -9.0, -6.0, -9.0, -5.0))
    assert [(ring.molecule, ring.kind) for ring in rings] == [
        (2, "aromatic"),
        (4, "partly unsaturated"),
        (0, "saturated"),
    ]
    assert [ring.energy for ring in rings] == pytest.approx([-36.0, -30.0, -24.0])
    assert set(rings[0].atoms) == set(range(6))
    assert {kind: values.tolist() for kind, values in by_kind(rings).items()} == {
        "aromatic": [-36.0],
        "partly unsaturated": [-30.0],
        "saturated": [-24.0],
    }
    assert ring_summaries(rings)["saturated"].mean == -24.0
    assert aromatic_below_saturated(rings) == 1.0


def test_fused_rings() -> None:
    """Each ring of a fused system counts, and the extremes show its molecule once."""
    rings = rings_of(NAPHTHALENE, CYCLOHEXANE, BENZENE, per_carbon=(-6.0, -4.0, -5.0))
    assert [ring.molecule for ring in rings] == [0, 0, 2, 1]
    most, least = extremes(rings, 2)
    assert [ring.molecule for ring in most] == [0, 2]
    assert [ring.molecule for ring in least] == [1, 2]


def test_extremes_of_a_molecule() -> None:
    """A molecule stands among the most stable by its best ring and among the least stable by its worst."""
    ranked = [
        Ring(molecule, (), "saturated", energy) for molecule, energy in ((0, -9.0), (1, -8.0), (0, -5.0))
    ]
    most, least = extremes(ranked, 5)
    assert [ring.energy for ring in most] == [-9.0, -8.0]
    assert [ring.energy for ring in least] == [-5.0, -8.0]


def test_missing_contributions() -> None:
    """A ring with an atom that was not answered has no rank, nor have molecules that were not perceived."""
    structures = [embedded(BENZENE), embedded(BENZENE), embedded(CYCLOHEXANE)]
    molecules = [Unperceived("why"), *perceive_each(structures[1:])]
    values = np.full(sum(map(len, structures)), -1.0)
    values[len(structures[0])] = np.nan
    rings = rank_rings(molecules, [len(one) for one in structures], values)
    assert [(ring.molecule, ring.energy) for ring in rings] == [(2, -6.0)]
    assert math.isnan(aromatic_below_saturated(rings))
