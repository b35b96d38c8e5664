"""`atomlens.server.probes.tile_values`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from atomlens.server.errors import EngineError
from atomlens.server.model import Model
from atomlens.server.probes.places import PointList
from atomlens.server.probes.probe import Probe
from atomlens.server.probes.tile_values import Mask, Values, compute_tile, probe_values
from atomlens.server.repository import Repository
from atomlens.server.structures import Floats, Structures

Crystal = Callable[..., Structures]
MOLECULAR = [
    "toy-schnet-energy",
    "toy-schnet-dipole",
    "toy-schnet-extent",
    "toy-bpnn-energy",
    "toy-bpnn-dipole",
]
CRYSTALLINE = ["toy-schnet-formation", "toy-bpnn-formation"]
FLOAT32 = 1e-5  # eV or e: what values of a few eV are off by


def values_at(model: Model, structure: Structures, points: Floats, elements: tuple[int, ...] = ()) -> Values:
    """Return the values of probes, of all elements for none: (fields, points)."""
    chosen = np.array(elements or model.card.elements)
    return probe_values(Probe.of(model, structure, chosen, PointList(points)))


def alone(model: Model) -> Floats:
    """Return what the model says of an atom of each element that nobody is near: (elements,)."""
    elements = model.card.elements
    atoms = Structures.molecules([1] * len(elements), elements, np.zeros((len(elements), 3)))
    return model.run(model.prepare(atoms))[model.card.heads[0].name]


@pytest.fixture(scope="module")
def salt(crystal: Crystal) -> Structures:
    """One formula unit of rock salt."""
    return crystal([11, 17], [[0.0, 0.0, 0.0], [2.8, 0.0, 0.0]], 2.8 * (1 - np.eye(3)))


@pytest.mark.parametrize("name", MOLECULAR)
def test_far_from_everything_a_probe_is_an_atom_alone(
    name: str, repository: Repository, water: Structures
) -> None:
    """Wherever that is, and however far the points are from each other."""
    model = repository.find(name)
    points = np.array([[5e3, 5e3, 5e3], [7e3, 7e3, 7e3], [-1e6, 1e6, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 2e3]])
    values = values_at(model, water, points)
    assert np.abs(values - alone(model)[:, None]).max() < FLOAT32


def test_where_no_atom_is_felt_a_probe_is_an_atom_alone(model: Model) -> None:
    """Also on the nucleus of the only atom, which is left out."""
    hydrogen = Structures.molecules([1], [1], [[0.0, 0.0, 0.0]])
    probe = Probe.of(model, hydrogen, np.array([1]), PointList(np.zeros((1, 3))), left_out=np.array([0]))
    assert probe_values(probe)[0, 0] == pytest.approx(alone(model)[0], abs=FLOAT32)


@pytest.mark.parametrize("name", [*MOLECULAR, *CRYSTALLINE])
def test_on_nuclei_values_are_finite(
    name: str, repository: Repository, water: Structures, salt: Structures
) -> None:
    """Nothing divides by the distance; SchNet, which knows no angles, has near them what it has on them."""
    model = repository.find(name)
    structure = water if name in MOLECULAR else salt
    for point in structure.positions:
        (on, near) = values_at(model, structure, np.array([point, point + 1e-6])).T
        assert np.isfinite(on).all()
        assert "bpnn" in name or np.abs(on - near).max() < FLOAT32


@pytest.mark.parametrize("name", MOLECULAR)
def test_company_changes_no_value(
    name: str, repository: Repository, water: Structures, rng: np.random.Generator
) -> None:
    """Neither many points nor one that is as far out as coordinates may be."""
    model = repository.find(name)
    points = rng.uniform(-3, 3, (300, 3))
    values = values_at(model, water, points)
    far = np.concatenate([points, [[1e6, -1e6, 1e6]]])
    assert np.abs(values_at(model, water, far)[:, :-1] - values).max() < FLOAT32
    single = np.concatenate([values_at(model, water, points[row : row + 1]) for row in range(5)], axis=1)
    assert np.abs(single - values[:, :5]).max() < FLOAT32


@pytest.mark.parametrize("name", ["toy-schnet-energy", "toy-bpnn-energy"])
@pytest.mark.parametrize("offset", [1e2, 9e5])
def test_values_do_not_depend_on_where_everything_is(
    name: str, offset: float, repository: Repository, water: Structures, rng: np.random.Generator
) -> None:
    """In float32 positions would be off by 0.06 Å at 10⁶ Å."""
    model = repository.find(name)
    points, move = rng.uniform(-3, 3, (300, 3)), offset * np.array([1.0, -0.5, 0.25])
    moved = replace(water, positions=water.positions + move)
    difference = values_at(model, moved, points + move) - values_at(model, water, points)
    assert np.abs(difference).max() < FLOAT32


@pytest.mark.parametrize("name", CRYSTALLINE)
def test_in_a_crystal_values_repeat(
    name: str, repository: Repository, salt: Structures, rng: np.random.Generator
) -> None:
    """From cell to cell."""
    model = repository.find(name)
    points = rng.uniform(-3, 3, (100, 3))
    moves = rng.integers(-50, 50, (100, 3)) @ salt.cells[0]
    assert np.abs(values_at(model, salt, points + moves) - values_at(model, salt, points)).max() < FLOAT32


def close_by_hand(probe: Probe, points: Floats) -> Mask:
    """Return which points are nearer to an image than training came: (elements, points)."""
    structure = probe.structure
    reach = [range(-2, 3) if repeats else range(1) for repeats in structure.pbc[0]]
    moves = np.array(list(product(*reach))) @ structure.cells[0]
    close = np.zeros((len(probe.elements), len(points)), np.bool_)
    for row, element in enumerate(probe.elements):
        for number, position in zip(structure.numbers, structure.positions, strict=True):
            distances = np.linalg.norm(points[:, None] - position - moves, axis=2).min(1)
            close[row] |= distances < probe.model.card.closest[element, number]
    return close


@pytest.mark.parametrize("name", ["toy-schnet-energy", *CRYSTALLINE])
def test_points_are_close_as_a_double_loop_finds_them(
    name: str, repository: Repository, water: Structures, salt: Structures, rng: np.random.Generator
) -> None:
    """Of each element by its own distances, images included; pairs that never met are close in the cutoff."""
    model = repository.find(name)
    loose = replace(salt, cells=np.diag([9.0, 10.0, 11.0])[None])
    structure = water if name in MOLECULAR else loose
    points = rng.uniform(-6, 6, (1000, 3))
    probe = Probe.of(model, structure, np.array(model.card.elements), PointList(points))
    found = np.zeros((len(probe.elements), len(points)), np.bool_)
    for tile in probe.tiles(0):
        found[:, tile.rows] = compute_tile(probe, model.context(probe.work), tile).close
    expected = close_by_hand(probe, points)
    assert np.array_equal(found, expected)
    assert 0 < expected.sum() < expected.size


def test_atoms_left_out_make_nothing_close(model: Model, water: Structures) -> None:
    """Not even a point on their nuclei."""
    probe = Probe.of(model, water, np.array([1]), PointList(water.positions), left_out=np.array([0, 1]))
    (tile,) = probe.tiles(0)
    close = compute_tile(probe, model.context(probe.work), tile).close
    assert close[0, np.argsort(tile.rows)].tolist() == [False, False, True]


def test_a_value_that_is_not_finite_is_an_error(
    model: Model, water: Structures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That says where."""
    points = np.array([[0.0, 0.0, 1.0], [0.0, 2.0, 0.0], [0.0, 3.0, 0.0]])
    monkeypatch.setattr(
        model, "probe", lambda *_: np.array([[1.0, 2.0, 3.0], [1.0, np.inf, 3.0]], np.float32)
    )
    with pytest.raises(EngineError, match=r"not finite at \[0.0, 2.0, 0.0\] Å"):
        values_at(model, water, points, (1, 8))


def test_values_have_the_order_of_the_points(
    model: Model, water: Structures, rng: np.random.Generator
) -> None:
    """Whatever tiles they are cut into: points in another order have their values in that order."""
    points = rng.uniform(-9, 9, (20_000, 3))
    order = rng.permutation(len(points))
    difference = (
        values_at(model, water, points[order], (1,)) - values_at(model, water, points, (1,))[:, order]
    )
    assert np.abs(difference).max() < FLOAT32
