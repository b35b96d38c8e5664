"""Crystals in training and in the engine, against the formulas written out as loops over all images."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import make_supercell

from atomlens.export.checkpoint import Checkpoint
from atomlens.export.dataset import Dataset
from atomlens.export.frames import structures_of
from atomlens.export.model import Model
from atomlens.export.ragged import RaggedData, half_pairs
from atomlens.export.training import predict
from atomlens.export.verification import reference
from atomlens.server.engine import Engine
from atomlens.server.neighbors import find_pairs
from atomlens.server.structures import Floats, Structures

CUTOFF = 5.0
NAMES = ("toy-schnet-energy", "toy-schnet-formation", "toy-bpnn-energy", "toy-bpnn-formation")
SKEWED = np.array([[3.9, 0.0, 0.0], [1.5, 3.6, 0.0], [-1.2, 0.8, 4.1]])
PLACES = np.array([[0.0, 0.1, 0.0], [0.5, 0.5, 0.4], [0.1, 0.6, 0.9]])
Weights = dict[str, Floats]
Near = list[tuple[int, Floats]]  # neighbors and the vectors to them


def crystal(elements: tuple[int, ...], atoms: int) -> Atoms:
    """Return one or three atoms in a skewed cell that is smaller than the cutoff."""
    cell = SKEWED if atoms > 1 else 0.55 * SKEWED
    numbers = [elements[index] for index in (-1, 0, 1)[:atoms]]
    return Atoms(numbers, scaled_positions=PLACES[:atoms], cell=cell, pbc=True)


def structure(*frames: Atoms) -> Structures:
    """Return frames as the engine and training have them."""
    return structures_of(frames)


def neighbors(one: Atoms) -> list[Near]:
    """Return the neighbors of each atom: all images up to six cells away, looked at one by one."""
    cell, found = one.cell.array, []
    shifts = [np.array(n) @ cell for n in product(range(-6, 7), repeat=3)]
    for i in one.positions:
        vectors = [(j, r + shift - i) for j, r in enumerate(one.positions) for shift in shifts]
        found.append([(j, vector) for j, vector in vectors if 0 < np.linalg.norm(vector) < CUTOFF])
    return found


def fade(r: float) -> float:
    """Return f_c(r)."""
    return float(0.5 * (np.cos(np.pi * r / CUTOFF) + 1))


def grid(low: float, high: float, count: int) -> Floats:
    """Return numbers as a network keeps them, in float32."""
    return np.linspace(low, high, count).astype(np.float32).astype(np.float64)


def layers(weights: Weights, name: str, x: Floats) -> Floats:
    """Return W₂ ssp(W₁x + b₁) + b₂ of the two layers called `name`."""
    hidden = np.logaddexp(0, weights[f"{name}.0.weight"] @ x + weights[f"{name}.0.bias"]) - np.log(2)
    result: Floats = weights[f"{name}.2.weight"] @ hidden + weights[f"{name}.2.bias"]
    return result


def schnet(weights: Weights, settings: Any, one: Atoms) -> list[float]:
    """Return y of each atom: messages are sums over neighbors, block after block."""
    centers = grid(0.0, CUTOFF, settings.gaussians)
    spacing = CUTOFF / (settings.gaussians - 1)
    x = [weights["embedding.weight"][number] for number in one.numbers]
    around = neighbors(one)
    for block in (f"blocks.{index}" for index in range(settings.blocks)):
        changes = []
        for near in around:
            message = np.zeros(settings.features)
            for j, vector in near:
                r = float(np.linalg.norm(vector))
                waves = np.exp(-0.5 * ((r - centers) / spacing) ** 2)
                filters = layers(weights, f"{block}.filters", waves) * fade(r)
                message += (weights[f"{block}.project.weight"] @ x[j]) * filters
            changes.append(layers(weights, f"{block}.update", message))
        x = [old + change for old, change in zip(x, changes, strict=True)]
    return [float(layers(weights, "output", features)[0]) for features in x]


def bpnn(weights: Weights, settings: Any, one: Atoms) -> list[float]:
    """Return y of each atom: sums over neighbors and over pairs of them, in the network of its element."""
    centers = grid(0.5, CUTOFF - 0.5, settings.radial)
    eta = 0.5 / (np.diff(np.linspace(0.5, CUTOFF - 0.5, settings.radial))[0]) ** 2
    etas = (0.5 / np.linspace(1.0, CUTOFF - 0.5, settings.angular) ** 2).astype(np.float32).astype(float)
    values = []
    for number, near in zip(one.numbers, neighbors(one), strict=True):
        radial = np.zeros(settings.radial)
        for j, vector in near:
            r = float(np.linalg.norm(vector))
            radial += one.numbers[j] * np.exp(-eta * (r - centers) ** 2) * fade(r)
        angular = np.zeros((2, settings.angular))
        for (j, first), (k, second) in combinations(near, 2):
            r, s = float(np.linalg.norm(first)), float(np.linalg.norm(second))
            common = one.numbers[j] * one.numbers[k] * np.exp(-etas * (r**2 + s**2)) * fade(r) * fade(s)
            angular += np.outer([1, -1], common) * (first @ second / (r * s)) + common
        functions = np.concatenate([radial, *angular])
        scaled = (functions - weights["mean"]) / weights["deviation"]
        values.append(float(layers(weights, f"networks.{settings.elements.index(number)}", scaled)[0]))
    return values


def by_hand(model: Model, one: Atoms) -> Floats:
    """Return the contributions that the formulas give, in float64: (atoms,)."""
    weights = {name: tensor.double().numpy() for name, tensor in model.network.state_dict().items()}  # type: ignore[attr-defined]
    network = schnet if model.settings.family == "schnet" else bpnn
    values = np.array(network(weights, model.settings.network, one))
    return values * float(model.head.scale) + float(model.head.shift)


@pytest.fixture(scope="module")
def engine(toy_repository: Path) -> Engine:
    """An engine with the toys."""
    return Engine.open(toy_repository)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """Each family with a sum and with a mean."""
    return str(request.param)


@pytest.fixture
def model(name: str, toy_checkpoints: dict[str, Checkpoint]) -> Model:
    """That toy in float64."""
    return toy_checkpoints[name].build().double()


@pytest.mark.parametrize("atoms", [1, 3])
def test_small_cells_give_what_the_formulas_give(atoms: int, name: str, model: Model, engine: Engine) -> None:
    """In torch to the last digits and in the engine to those of float32, an atom's own images included."""
    one = crystal(model.settings.network.elements, atoms)
    expected = by_hand(model, one)
    head = model.settings.head
    got = reference(model, structure(one))[head.name]
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9)
    offsets = [head.offsets.get(number, 0.0) for number in one.numbers]
    (answer,) = engine.explain(structure(one), name).heads
    np.testing.assert_allclose(answer.contributions - offsets, expected, rtol=0, atol=4e-6)
    assert min(map(len, neighbors(one))) > 20


@torch.no_grad()
def test_training_predicts_of_a_supercell_what_it_predicts_of_its_cell(model: Model) -> None:
    """A mean is the same, a sum grows with the number of cells, on half lists in float64."""
    one = crystal(model.settings.network.elements, 3)
    cells = ([[2, 0, 0], [0, 2, 0], [0, 0, 2]], [[1, 1, 0], [-1, 2, 0], [0, 1, 3]])
    frames = [one, *(make_supercell(one, matrix) for matrix in cells)]  # type: ignore[no-untyped-call]
    data = RaggedData(structure(*frames), torch.zeros(3), model.network, torch.float64)
    once, *more = predict(model, data.batch(np.arange(3))).tolist()
    sums = model.settings.head.kind == "energy"
    assert more == pytest.approx([8 * once, 9 * once] if sums else [once, once], rel=0, abs=1e-9)


def test_half_of_the_pairs_of_crystals_is_half(formation_data: Dataset) -> None:
    """Symmetric crystals have shifts along axes, faces and diagonals: none is counted twice or left out."""
    for structures in (formation_data.structures, formation_data.structures.placed):
        for cutoff in (3.5, CUTOFF, 8.0):
            half, full = half_pairs(structures, cutoff), find_pairs(structures, cutoff)
            counts = np.bincount(half.centers, minlength=len(structures.numbers))
            counts += np.bincount(half.neighbors, minlength=len(structures.numbers))
            assert counts.tolist() == np.bincount(full.centers, minlength=len(counts)).tolist()
