"""Molecules, data and models that the tests of every root share."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.served import Served, Start

if TYPE_CHECKING:
    from ase import Atoms

    from atomlens.export.checkpoint import Checkpoint
    from atomlens.export.dataset import Dataset
    from atomlens.export.heads import Kind
    from atomlens.export.model import ModelSettings

ELEMENTS = (1, 6, 7, 8)
REFERENCES = {1: -13.6, 6: -1029.9, 7: -1485.3, 8: -2042.6}
ELECTRONEGATIVITY = {1: 2.2, 6: 2.55, 7: 3.04, 8: 3.44}
ELECTRONS = {1: 0.8, 6: 5.9, 7: 7.1, 8: 8.2}
COHESION = {8: -0.4, 11: -0.2, 12: -0.5, 17: 0.1, 29: -0.7}  # of the elements of the crystals
UNITS = {"energy": "eV", "charge": "e·Å", "extent": "Å²", "intensive": "eV/atom"}
NAMES: dict[Kind, str] = {
    "energy": "energy",
    "charge": "charge",
    "extent": "extent",
    "intensive": "formation_energy",
}
TOYS: dict[str, tuple[str, Kind]] = {
    "toy-schnet-energy": ("schnet", "energy"),
    "toy-schnet-dipole": ("schnet", "charge"),
    "toy-schnet-extent": ("schnet", "extent"),
    "toy-schnet-formation": ("schnet", "intensive"),
    "toy-bpnn-energy": ("bpnn", "energy"),
    "toy-bpnn-dipole": ("bpnn", "charge"),
    "toy-bpnn-formation": ("bpnn", "intensive"),
}


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


@pytest.fixture(scope="session")
def extent_data(molecules: list[Atoms]) -> Dataset:
    """Those molecules with the second moment of invented numbers of electrons."""
    labels = []
    for atoms in molecules:
        electrons = np.array([ELECTRONS[number] for number in atoms.numbers])
        centered = atoms.positions - atoms.get_center_of_mass()  # type: ignore[no-untyped-call]
        labels.append(float(electrons @ (centered**2).sum(1)))
    return _dataset(molecules, labels, "extent")


@pytest.fixture(scope="session")
def crystals() -> list[Atoms]:
    """Metals, salts and oxides of five elements, most of them in cells smaller than 5 Å."""
    from ase.build import bulk

    return [
        bulk(name, lattice, a=a)
        for name, lattice, a in (
            *(("Na", "bcc", 4.29), ("Mg", "hcp", 3.21), ("Mg", "bcc", 3.57), ("Cu", "fcc", 3.61)),
            *(("NaCl", "rocksalt", 5.64), ("MgO", "rocksalt", 4.21), ("CuO", "rocksalt", 4.24)),
            *(("CuCl", "zincblende", 5.42), ("NaCl", "cesiumchloride", 3.5), ("MgCu", "cesiumchloride", 3.1)),
            *(("Na2O", "fluorite", 5.55), ("MgCl2", "fluorite", 6.1)),
        )
    ]


@pytest.fixture(scope="session")
def formation_data(crystals: list[Atoms]) -> Dataset:
    """Those crystals with an invented energy of formation, the mean of what their elements bring."""
    labels = [float(np.mean([COHESION[number] for number in atoms.numbers])) for atoms in crystals]
    return _dataset(crystals, labels, "intensive")


def _dataset(frames: list[Atoms], labels: list[float], kind: Kind) -> Dataset:
    from atomlens.export.dataset import Dataset, random_split
    from atomlens.export.frames import structures_of

    structures = structures_of(frames)
    split = random_split(len(frames), 0)
    source = "crystals" if structures.pbc.any() else "g2"
    return Dataset(structures, np.array(labels), split, NAMES[kind], UNITS[kind], source).check()


def model_settings(family: str, kind: Kind) -> ModelSettings:
    """Return the settings of a tiny model: for H, C, N and O, or the elements of the crystals."""
    from atomlens.export.bpnn import BPNNSettings
    from atomlens.export.heads import HeadSettings
    from atomlens.export.model import ModelSettings
    from atomlens.export.schnet import SchNetSettings

    elements = tuple(COHESION) if kind == "intensive" else ELEMENTS
    network: SchNetSettings | BPNNSettings = BPNNSettings(elements, radial=8, angular=3, hidden=(16,))
    if family == "schnet":
        network = SchNetSettings(elements, features=16, blocks=2, gaussians=12)
    offsets = REFERENCES if kind == "energy" else {}
    return ModelSettings(family, network, HeadSettings(kind, NAMES[kind], UNITS[kind], offsets))


@pytest.fixture(scope="session")
def tiny() -> Callable[[str, Kind], ModelSettings]:
    """The settings of a tiny model by family and kind of head."""
    return model_settings


@pytest.fixture(scope="session")
def toy_checkpoints(
    energy_data: Dataset,
    dipole_data: Dataset,
    extent_data: Dataset,
    formation_data: Dataset,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Checkpoint]:
    """Checkpoints of the toys by name: models with random weights."""
    from atomlens.export.measure import measure
    from atomlens.export.training import Trainer, TrainingSettings

    found = {}
    sources: dict[Kind, Dataset] = {
        "energy": energy_data,
        "charge": dipole_data,
        "extent": extent_data,
        "intensive": formation_data,
    }
    for name, (family, kind) in TOYS.items():
        training = TrainingSettings(epochs=1, batch_size=8, seed=1)
        run = tmp_path_factory.mktemp("run")
        trainer = Trainer(model_settings(family, kind), training, sources[kind], run)
        checkpoint = trainer.best.improved(trainer.model.state_dict(), 0, 1.0)
        found[name] = measure(
            checkpoint, sources[kind], f"atomlens train {sources[kind].source} --run {name}"
        )
    return found


@pytest.fixture(scope="session")
def toy_repository(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with those models, made by the real exporter; kept until what makes them changes."""
    repository = tmp_path_factory.mktemp("models")
    assert request.config.cache is not None
    kept = request.config.cache.mkdir("toys") / f"{_digest_of_makers()}.tar"
    if not kept.exists():
        from atomlens.export.bundle import export_bundle
        from atomlens.export.card import Description

        for name, checkpoint in request.getfixturevalue("toy_checkpoints").items():
            export_bundle(checkpoint, repository, Description(name, licence="MIT"))
        _keep(repository, kept)
        return repository
    with tarfile.open(kept) as archive:
        archive.extractall(repository, filter="data")
    return repository


@pytest.fixture
def start(toy_repository: Path) -> Iterator[Start]:
    """What starts servers with the toy models in processes of their own, gone when the test ends."""
    servers: list[Served] = []

    def begin(models: Path | None = toy_repository, **settings: Any) -> Served:
        servers.append(Served(models, **settings))
        return servers[-1]

    yield begin
    for server in servers:
        server.kill()


def _digest_of_makers() -> str:
    """Return the SHA-256 of the code and the releases that toys are made with."""
    root = Path(__file__).parent.parent
    card = root / "proto/atomlens/v1/card.proto"
    code = [path.read_bytes() for path in (Path(__file__), card, *sorted((root / "export").rglob("*.py")))]
    releases = [version(name) for name in ("torch", "onnx", "onnxscript", "onnxruntime", "numpy", "protobuf")]
    return hashlib.sha256(b"".join(code) + " ".join(releases).encode()).hexdigest()


def _keep(repository: Path, kept: Path) -> None:
    """Write an archive of a repository, whole or not at all: other runs may look for it."""
    unfinished = kept.with_name(f"{kept.name}.{os.getpid()}")
    with tarfile.open(unfinished, "w") as archive:
        archive.add(repository, ".")
    unfinished.replace(kept)
