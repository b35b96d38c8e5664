"""`atomlens.server.lone`: what is waved through is what would have been admitted anyway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from atomlens.server import admission
from atomlens.server.admission import Admission, admit
from atomlens.server.dense_work import MOST_ATOMS, WIDEST_ANGSTROM, DenseWork
from atomlens.server.limits import Limits
from atomlens.server.lone import admit_lone
from atomlens.server.model import Model
from atomlens.server.structures import Structures

from .pair_model import write_bundle


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory, water: Structures) -> Model:
    """The pair model with both graphs."""
    return Model.load(write_bundle(tmp_path_factory.mktemp("dense"), water), "cpu")


def closely(
    model: Model, structures: Structures, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> Admission:
    """Return what becomes of a request that is looked at closely, whatever it is."""
    with monkeypatch.context() as patch:
        patch.setattr(admission, "admit_lone", lambda *_: None)
        return admit(model, structures, (), limits)


@pytest.mark.parametrize("limits", [Limits(), Limits(max_structure_cost=60)], ids=["large", "small"])
def test_it_finds_what_is_found_by_looking_closely(
    limits: Limits, model: Model, g2: Structures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same arrays bit for bit and the same cost; nothing of which there is something to be told."""
    waved = 0
    for row in range(len(g2)):
        one = g2.take([row])
        close = closely(model, one, limits, monkeypatch)
        lone = admit_lone(one, model.card, limits)
        if lone is not None:
            assert not close.failures
            assert not close.warnings
            (work,) = close.works
            assert isinstance(work, DenseWork)
            for name in ("counts", "costs", "numbers", "positions"):
                assert np.array_equal(getattr(lone, name), getattr(work, name))
            told = admit(model, one, (), limits)
            assert (told.rows.tolist(), told.heads, told.cost) == ([0], close.heads, close.cost)
            waved += 1
    assert waved > 20


Change = Callable[[Structures], Structures]
CHANGES: dict[str, Change] = {
    "two structures": lambda one: Structures.concatenate([one, one]),
    "none": lambda one: one.take([]),
    "no atoms": lambda _: Structures.molecules([0], [], []),
    "periodic": lambda one: replace(one, cells=9 * np.eye(3)[None], pbc=np.ones((1, 3), np.bool_)),
    "with a cell": lambda one: replace(one, cells=9 * np.eye(3)[None]),
    "charged": lambda one: replace(one, charges=np.array([1.0])),
    "charge is no number": lambda one: replace(one, charges=np.array([np.nan])),
    "a triplet": lambda one: replace(one, spins=np.array([3])),
    "unknown element": lambda one: replace(one, numbers=np.array([8, 1, 92])),
    "no element": lambda one: replace(one, numbers=np.array([8, 1, 0])),
    "negative number": lambda one: replace(one, numbers=np.array([8, 1, -1])),
    "beyond all elements": lambda one: replace(one, numbers=np.array([8, 1, 500])),
    "no number": lambda one: replace(one, positions=one.positions + np.diag([np.nan, 0, 0])),
    "infinite": lambda one: replace(one, positions=one.positions + np.diag([0, np.inf, 0])),
    "far": lambda one: replace(one, positions=one.positions - 2e6),
    "wide": lambda one: replace(one, positions=one.positions + np.diag([WIDEST_ANGSTROM * 2, 0, 0])),
    "on one place": lambda one: replace(one, positions=one.positions[[0, 1, 1]]),
    "closer than in training": lambda one: replace(one, positions=0.7 * one.positions),
}


@pytest.mark.parametrize("name", CHANGES)
def test_anything_else_is_looked_at_closely(name: str, dense: Model, water: Structures) -> None:
    """Whether it then turns out to be right or wrong."""
    one = water.take([0])
    assert admit_lone(one, dense.card, Limits()) is not None
    assert admit_lone(CHANGES[name](one), dense.card, Limits()) is None


@pytest.mark.parametrize(
    "limits", [Limits(max_atoms=2), Limits(max_structure_cost=8), Limits(max_request_cost=8)]
)
def test_what_is_beyond_a_limit_is_looked_at_closely(limits: Limits, dense: Model, water: Structures) -> None:
    """Water costs nine: three atoms and six pairs."""
    assert admit_lone(water.take([0]), dense.card, limits) is None


def test_large_molecules_are_looked_at_closely(dense: Model, water: Structures) -> None:
    """Those that the dense graph does not take, and those larger than any in training."""

    def row_of(atoms: int) -> Structures:
        places = 3.0 * np.arange(atoms)[:, None] * [0.4, 0.4, 0.4]
        return Structures.molecules([atoms], [8] * atoms, places)

    card = replace(dense.card, max_training_atoms=0, cutoff_angstrom=2.0, closest=np.ones((119, 119)))
    assert admit_lone(row_of(20), card, Limits()) is not None
    assert admit_lone(row_of(MOST_ATOMS + 1), card, Limits()) is None
    assert admit_lone(row_of(20), replace(card, max_training_atoms=19), Limits()) is None
    assert admit_lone(row_of(20), replace(card, max_training_atoms=20), Limits()) is not None


def test_a_model_without_a_dense_graph_is_asked_with_a_table(tmp_path: Path, water: Structures) -> None:
    """However plain the molecule is."""
    tables = Model.load(write_bundle(tmp_path, water, None), "cpu")
    (work,) = admit(tables, water.take([0]), (), Limits()).works
    assert not isinstance(work, DenseWork)
