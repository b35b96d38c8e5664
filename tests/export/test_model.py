"""`atomlens.export.model`: what holds for every family, head and weight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from atomlens.export.checkpoint import Checkpoint
from atomlens.export.heads import Kind
from atomlens.export.model import Model, ModelSettings
from atomlens.export.verification import reference
from atomlens.server.structures import Structures

NAMES = [
    *("toy-schnet-energy", "toy-schnet-dipole", "toy-schnet-extent", "toy-bpnn-energy", "toy-bpnn-dipole")
]


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest, toy_checkpoints: dict[str, Checkpoint]) -> Model:
    """Each of the toy models in float64."""
    return toy_checkpoints[request.param].build().double()


def contributions(model: Model, structures: Structures) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the contributions in float64."""
    values: np.ndarray[tuple[int], np.dtype[np.float64]] = reference(model, structures)[
        model.settings.head.name
    ]
    return values


@pytest.mark.parametrize("family", ["schnet", "bpnn"])
@pytest.mark.parametrize("kind", ["energy", "charge", "extent", "intensive"])
def test_settings_survive_as_plain_values(
    tiny: Callable[[str, Kind], ModelSettings], family: str, kind: Kind
) -> None:
    """What `to_dict` writes `from_dict` reads, tuples from lists too."""
    settings = tiny(family, kind)
    plain = settings.to_dict()
    plain["network"]["elements"] = list(plain["network"]["elements"])
    assert ModelSettings.from_dict(plain) == settings


@pytest.mark.parametrize("mirror", [1.0, -1.0], ids=["rotation", "reflection"])
def test_motions_change_nothing(model: Model, molecule: Structures, mirror: float) -> None:
    """Rotations, reflections and translations leave contributions alone."""
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turn *= mirror * np.sign(np.linalg.det(turn))
    moved = replace(molecule, positions=molecule.positions @ turn + [1.0, -2.0, 3.0])
    np.testing.assert_allclose(contributions(model, moved), contributions(model, molecule), atol=1e-12)


def test_contributions_follow_their_atoms(model: Model, molecule: Structures) -> None:
    """Another order of the atoms is another order of the contributions."""
    order = np.random.default_rng(0).permutation(len(molecule.numbers))
    shuffled = replace(molecule, numbers=molecule.numbers[order], positions=molecule.positions[order])
    np.testing.assert_allclose(
        contributions(model, shuffled), contributions(model, molecule)[order], atol=1e-12
    )


def test_copies_beyond_the_cutoff_do_not_feel_each_other(model: Model, molecule: Structures) -> None:
    """Two copies far apart have the contributions of one, at every depth."""
    numbers = np.tile(molecule.numbers, 2)
    positions = np.concatenate([molecule.positions, molecule.positions + np.array([30.0, 0.0, 0.0])])
    two = Structures.molecules([len(numbers)], numbers, positions)
    np.testing.assert_allclose(
        contributions(model, two), np.tile(contributions(model, molecule), 2), atol=1e-12
    )


def test_contributions_depend_on_where_atoms_are(model: Model, molecule: Structures) -> None:
    """The invariances above are not those of a constant."""
    moved = replace(molecule, positions=molecule.positions * 1.05)
    assert np.abs(contributions(model, moved) - contributions(model, molecule)).max() > 1e-4


def test_families_name_their_context(model: Model, molecule: Structures) -> None:
    """SchNet carries features per block, Behler–Parrinello networks nothing."""
    context = reference(model, molecule).get("context")
    shape = None if context is None else context.shape
    assert shape == ((2, 12, 16) if model.settings.family == "schnet" else None)


def test_float32_weights_stay_float32(toy_checkpoints: dict[str, Checkpoint]) -> None:
    """A checkpoint builds the model it was trained as."""
    model = toy_checkpoints["toy-schnet-energy"].build()
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert not model.training
