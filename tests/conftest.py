"""Molecules, data and models that the tests of every root share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from ase import Atoms

    from atomlens.export.checkpoint import Checkpoint
    from atomlens.export.dataset import Dataset
    from atomlens.export.heads import Kind
    from atomlens.export.model import ModelSettings

ELEMENTS = (1, 6, 7, 8)
REFERENCES = {1: -13.6, 6: -1029.9, 7: -1485.3, 8: -2042.6}
ELECTRONEGATIVITY = {1: 2.2, 6: 2.55, 7: 3.04, 8: 3.44}
UNITS = {"energy": "eV", "charge": "e·Å"}


@pytest.fixture(scope="session")
def molecules() -> list[Atoms]:
    """Molecules of the G2 set made of H, C, N and O, two atoms at least."""
    from ase.collections import g2

    return [g2[name] for name in g2.names if len(g2[name]) > 1 and set(g2[name].numbers) <= set(ELEMENTS)]


@pytest.fixture(scope="session")
def energy_data(molecules: list[Atoms]) -> Dataset:
    """Those molecules with an invented energy: references and a well around 1.2 Å for each pair."""
    labels = []
    for atoms in molecules:
        distances = atoms.get_all_distances()  # type: ignore[no-untyped-call]
        wells = np.exp(-4 * (distances[np.triu_indices(len(atoms), 1)] - 1.2) ** 2)
        labels.append(sum(REFERENCES[number] for number in atoms.numbers) - 3.0 * wells.sum())
    return _dataset(molecules, labels, "energy")


@pytest.fixture(scope="session")
def dipole_data(molecules: list[Atoms]) -> Dataset:
    """Those molecules with the dipole of invented charges."""
    labels = []
    for atoms in molecules:
        pull = np.array([ELECTRONEGATIVITY[number] for number in atoms.numbers])
        labels.append(float(np.linalg.norm(0.4 * (pull.mean() - pull) @ atoms.positions)))
    return _dataset(molecules, labels, "charge")


def _dataset(molecules: list[Atoms], labels: list[float], kind: str) -> Dataset:
    from atomlens.export.dataset import Dataset, random_split
    from atomlens.server.structures import Structures

    structures = Structures.molecules(
        [len(atoms) for atoms in molecules],
        np.concatenate([atoms.numbers for atoms in molecules]),
        np.concatenate([atoms.positions for atoms in molecules]),
    )
    split = random_split(len(molecules), 0)
    return Dataset(structures, np.array(labels), split, kind, UNITS[kind], "g2").check()


def model_settings(family: str, kind: Kind) -> ModelSettings:
    """Return the settings of a tiny model for H, C, N and O."""
    from atomlens.export.bpnn import BPNNSettings
    from atomlens.export.heads import HeadSettings
    from atomlens.export.model import ModelSettings
    from atomlens.export.schnet import SchNetSettings

    network: SchNetSettings | BPNNSettings = BPNNSettings(ELEMENTS, radial=8, angular=3, hidden=(16,))
    if family == "schnet":
        network = SchNetSettings(ELEMENTS, features=16, blocks=2, gaussians=12)
    offsets = REFERENCES if kind == "energy" else {}
    return ModelSettings(family, network, HeadSettings(kind, kind, UNITS[kind], offsets))


@pytest.fixture(scope="session")
def tiny() -> Callable[[str, Kind], ModelSettings]:
    """The settings of a tiny model by family and kind of head."""
    return model_settings


@pytest.fixture(scope="session")
def toy_checkpoints(
    energy_data: Dataset, dipole_data: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Checkpoint]:
    """Checkpoints of models with random weights by name: toy-schnet-energy, ..., toy-bpnn-dipole."""
    from atomlens.export.measure import measure
    from atomlens.export.training import Trainer, TrainingSettings

    found = {}
    sources: dict[Kind, Dataset] = {"energy": energy_data, "charge": dipole_data}
    for family in ("schnet", "bpnn"):
        for kind, data in sources.items():
            training = TrainingSettings(epochs=1, batch_size=8, seed=1)
            trainer = Trainer(model_settings(family, kind), training, data, tmp_path_factory.mktemp("run"))
            checkpoint = trainer.best.improved(trainer.model.state_dict(), 0, 1.0)
            name = f"toy-{family}-{'dipole' if kind == 'charge' else kind}"
            found[name] = measure(checkpoint, data, f"atomlens train g2 --run {name}")
    return found


@pytest.fixture(scope="session")
def toy_repository(toy_checkpoints: dict[str, Checkpoint], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with those models, made by the real exporter."""
    from atomlens.export.bundle import export_bundle
    from atomlens.export.card import Description

    repository = tmp_path_factory.mktemp("models")
    for name, checkpoint in toy_checkpoints.items():
        export_bundle(checkpoint, repository, Description(name, licence="MIT"))
    return repository
