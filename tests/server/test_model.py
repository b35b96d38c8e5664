"""`atomlens.server.model`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from atomlens.server.dense_work import DenseWork
from atomlens.server.errors import BundleError
from atomlens.server.model import Model
from atomlens.server.repository import Repository
from atomlens.server.shapes import ROUNDED, SHAPES
from atomlens.server.structures import Structures

from .pair_model import MOLECULES_GRAPH, contributions, write_bundle


@pytest.mark.parametrize("name", ["toy-schnet-energy", "toy-bpnn-dipole"])
def test_atoms_without_neighbors_have_values(name: str, repository: Repository) -> None:
    """Alone, and in a batch in which nobody has any."""
    model = repository.find(name)
    lone = Structures.molecules([1, 1, 2], [1, 6, 7, 8], np.arange(4)[:, None] * [10.0, 0, 0])
    (values,) = model.run(model.prepare(lone)).values()
    (alone,) = model.run(model.prepare(Structures.molecules([1], [8], [[0, 0, 0]]))).values()
    assert np.isfinite(values).all()
    assert values[3] == pytest.approx(alone[0], abs=1e-6)


def test_heads_are_found_by_name(model: Model) -> None:
    """All of them when none is named."""
    assert model.heads([]) == model.card.heads
    assert model.heads(["energy", "energy"]) == model.card.heads


def test_atoms_far_apart_are_as_exact_as_those_nearby(model: Model, water: Structures) -> None:
    """Within one structure float32 positions would be off by 0.06 Å at 10⁶ Å."""
    alone = model.run(model.prepare(water))["energy"]
    far = np.concatenate([water.positions - 4e5, water.positions + 4e5 + 1 / 3])
    both = model.run(model.prepare(Structures.molecules([6], np.tile(water.numbers, 2), far)))["energy"]
    assert np.abs(both - np.tile(alone, 2)).max() < 1e-5


def test_small_molecules_have_the_values_of_the_network(tmp_path: Path, g2: Structures) -> None:
    """From either graph, whatever is in a batch with them: the dense one on all, and on one alone."""
    model = Model.load(write_bundle(tmp_path, g2), "cpu")
    expected = contributions(g2)
    tables, dense = model.prepare(g2), DenseWork.of(g2, g2.counts)
    assert np.abs(model.run(tables)["energy"] - expected).max() < 1e-5
    assert np.abs(model.run(dense)["energy"] - expected).max() < 1e-5
    for row in range(0, len(g2), 9):
        alone, atoms = g2.take([row]), g2.atoms_of(np.array([row]))
        values = model.run(DenseWork.of(alone, alone.counts))["energy"]
        assert np.abs(values - expected[atoms]).max() < 1e-5


def test_empty_slots_and_molecules_change_nothing(
    tmp_path: Path, g2: Structures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the shapes that a GPU computes in, here on the CPU, as in those that fit."""
    monkeypatch.setitem(SHAPES, "cpu", ROUNDED)
    model = Model.load(write_bundle(tmp_path, g2), "cpu")
    values = model.run(DenseWork.of(g2, g2.counts))["energy"]
    assert np.abs(values - contributions(g2)).max() < 1e-5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("numbers, float[", "elements, float[", r"molecules\.onnx: "),
        ("energy = Sub", "power = Sub", r"molecules\.onnx: "),
        ("energy = Sub (both, own)", "energy = Transpose (both)", r"must be \(molecules, slots\)"),
        ("energy = Sub (both, own)", "energy = Div (both, zero)", "numbers that are not finite"),
    ],
)
def test_a_graph_for_molecules_that_breaks_the_contract_is_refused(
    tmp_path: Path, water: Structures, old: str, new: str, message: str
) -> None:
    """At loading, by the name of its file."""
    with pytest.raises(BundleError, match=message):
        Model.load(write_bundle(tmp_path, water, MOLECULES_GRAPH.replace(old, new)), "cpu")
