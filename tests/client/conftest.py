"""Explanations made by hand, and a server with toy models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from atomlens.client import Client, Explanation, Head, ModelReference, Structure
from atomlens.client.testing import RunningServer, serve

if TYPE_CHECKING:
    from ase import Atoms

MODELS = ("toy-schnet-energy", "toy-schnet-dipole")
WATER = Structure([8, 1, 1], [[0.0, 0.0, 0.1], [0.0, 0.8, -0.5], [0.0, -0.8, -0.5]], id="water.xyz@0")
SALT = Structure([11, 17], [[0.0, 0.0, 0.0], [2.8, 0.0, 0.0]], 2.8 * (1 - np.eye(3)), True, id="NaCl.cif@0")


def energy_explanation(structure: Structure = WATER) -> Explanation:
    """Return what an invented model says: -1, -2, ... eV and 10 eV for each atom's element."""
    model = -np.arange(1.0, len(structure) + 1)
    offset = 10.0 * structure.numbers.astype(np.float64)
    energies = model + offset
    head = Head("energy", "sum", "eV", "eV", float(energies.sum()), energies, model=model, offset=offset)
    return Explanation(structure, {"energy": head}, (ModelReference("e", 2, "ab" * 32, "cpu"),), ("close",))


def charge_explanation(structure: Structure = WATER) -> Explanation:
    """Return what an invented model of charges says."""
    raw = np.linspace(-0.5, 0.5, len(structure)) + 0.1
    charges = raw - raw.mean()
    origin = structure.positions.mean(axis=0)
    vector = charges @ (structure.positions - origin)
    head = Head(
        "charge",
        "dipole",
        "e",
        "e·Å",
        float(np.linalg.norm(vector)),
        charges,
        raw=raw,
        vector=vector,
        origin=origin,
    )
    return Explanation(
        structure, {"charge": head}, (ModelReference("q", 1, "cd" * 32, "cpu"),), ("close", "big")
    )


def extent_explanation(structure: Structure = WATER) -> Explanation:
    """Return what an invented model of the spatial extent says: as many electrons as protons."""
    electrons = structure.numbers.astype(np.float64)
    centred = structure.positions - structure.positions.mean(axis=0)
    extent = float(electrons @ (centred**2).sum(axis=1))
    head = Head("extent", "second_moment", "electrons", "Å²", extent, electrons)
    return Explanation(structure, {"extent": head}, (ModelReference("r", 1, "ef" * 32, "cpu"),))


def formation_explanation(structure: Structure = SALT, offset: float = 0.0) -> Explanation:
    """Return what an invented model of formation energies says: -1, -2, ... eV, and an offset."""
    model = -np.arange(1.0, len(structure) + 1)
    offsets = np.full(len(structure), offset)
    values = model + offsets
    head = Head(
        "formation_energy",
        "mean",
        "eV",
        "eV/atom",
        float(values.mean()),
        values,
        model=model,
        offset=offsets,
    )
    return Explanation(structure, {"formation_energy": head}, (ModelReference("f", 3, "01" * 32, "cpu"),))


@pytest.fixture
def energy() -> Explanation:
    """Water with energies."""
    return energy_explanation()


@pytest.fixture
def charge() -> Explanation:
    """Water with charges."""
    return charge_explanation()


@pytest.fixture(scope="session")
def server(toy_repository: Path) -> Iterator[RunningServer]:
    """A real server with the toy models."""
    with serve(models=toy_repository) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: RunningServer) -> Iterator[Client]:
    """A client of that server."""
    with server.client() as connected:
        yield connected


@pytest.fixture(scope="session")
def local(toy_repository: Path) -> Client:
    """A client of the engine in this process with the same models."""
    return Client.local(toy_repository)


@pytest.fixture
def molecule_file(molecules: list[Atoms], tmp_path: Path) -> Path:
    """Ten molecules in extended XYZ."""
    import ase.io

    path = tmp_path / "molecules.xyz"
    ase.io.write(path, molecules[:10], format="extxyz")
    return path
