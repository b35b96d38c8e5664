"""`atomlens.export.bpnn`, against double sums over pairs of neighbors."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import cast

import numpy as np
import onnxruntime as ort
import pytest
import torch

from atomlens.export.bpnn import BPNN, BPNNSettings, SymmetryFunctions
from atomlens.export.checkpoint import Checkpoint
from atomlens.export.neighborhood import Field, HalfList
from atomlens.export.ragged import half_pairs
from atomlens.server.neighbors import find_pairs
from atomlens.server.structures import Floats, Integers, Structures

SETTINGS = BPNNSettings((1, 6, 7, 8), cutoff_angstrom=4.0, radial=5, angular=3, hidden=(6, 4))


def double_sums(structures: Structures) -> Floats:
    """Return all symmetry functions of every atom, (atoms, functions), with nothing rearranged."""
    pairs = find_pairs(structures, SETTINGS.cutoff_angstrom)
    rows = []
    for atom in range(len(structures.numbers)):
        mine = pairs.centers == atom
        j = pairs.neighbors[mine]
        vectors = structures.positions[j] + pairs.shifts[mine] - structures.positions[atom]
        rows.append(double_sum(SETTINGS, structures.numbers[j], vectors))
    return np.array(rows)


def double_sum(settings: BPNNSettings, z: Integers, vectors: Floats) -> Floats:
    """Return all symmetry functions of one center from the vectors to its neighbors: (functions,)."""
    cutoff = settings.cutoff_angstrom
    centers = np.linspace(0.5, cutoff - 0.5, settings.radial)
    eta = 1 / (2 * (centers[1] - centers[0]) ** 2)
    etas = 1 / (2 * np.linspace(1.0, cutoff - 0.5, settings.angular) ** 2)
    r = np.linalg.norm(vectors, axis=1)
    fade = 0.5 * (np.cos(np.pi * r / cutoff) + 1)
    radial = [(z * np.exp(-eta * (r - center) ** 2) * fade).sum() for center in centers]
    angular = np.zeros((2, settings.angular))
    for a in range(len(z)):
        for b in range(a + 1, len(z)):
            cosine = vectors[a] @ vectors[b] / (r[a] * r[b])
            common = z[a] * z[b] * np.exp(-etas * (r[a] ** 2 + r[b] ** 2)) * fade[a] * fade[b]
            angular += np.stack([(1 + cosine) * common, (1 - cosine) * common])
    return np.array([*radial, *angular.ravel()])


def field(structures: Structures) -> tuple[Integers, Floats]:
    """Return numbers and positions of one structure and, where it repeats, of three cells on every side."""
    steps = np.array(list(product(range(-3, 4), repeat=3))) * structures.pbc[0]
    shifts = np.unique(steps, axis=0) @ structures.cells[0]
    positions = (structures.positions + shifts[:, None]).reshape(-1, 3)
    return np.tile(structures.numbers, len(shifts)), positions


def sums_at(settings: BPNNSettings, points: Floats, numbers: Integers, positions: Floats) -> Floats:
    """Return all symmetry functions at points, (points, functions), with nothing rearranged."""
    rows = []
    for point in points:
        near = np.linalg.norm(positions - point, axis=1) < settings.cutoff_angstrom
        rows.append(double_sum(settings, numbers[near], positions[near] - point))
    return np.array(rows)


def symmetry_functions(structures: Structures) -> Floats:
    """Return what the network computes from moments, in float64."""
    half = half_pairs(structures, SETTINGS.cutoff_angstrom)
    i, j, shifts = (torch.from_numpy(array) for array in (half.centers, half.neighbors, half.shifts))
    around = HalfList(torch.from_numpy(structures.positions), i, j, shifts)
    functions: Floats = (
        SymmetryFunctions(SETTINGS).double()(torch.from_numpy(structures.numbers), around).numpy()
    )
    return functions


@pytest.mark.parametrize("system", ["molecule", "crystal"])
def test_moments_equal_the_double_sum_over_neighbors(system: str, request: pytest.FixtureRequest) -> None:
    """Radial and angular functions equal their formulas, in molecules and with periodic images."""
    structures = request.getfixturevalue(system)
    expected = double_sums(structures)
    np.testing.assert_allclose(symmetry_functions(structures), expected, rtol=2e-6, atol=1e-6)
    assert expected.max() > 10


@pytest.mark.parametrize("system", ["molecule", "crystal"])
def test_moments_at_points_equal_the_double_sum_over_the_field(
    system: str, request: pytest.FixtureRequest, rng: np.random.Generator
) -> None:
    """A point has the functions that an atom would have there, in molecules and with periodic images."""
    points = rng.uniform(-1.0, 5.0, (10, 3))
    numbers, positions = field(request.getfixturevalue(system))
    around = Field(torch.from_numpy(points), torch.from_numpy(positions))
    got = SymmetryFunctions(SETTINGS).double()(torch.from_numpy(numbers), around)
    expected = sums_at(SETTINGS, points, numbers, positions)
    np.testing.assert_allclose(got, expected, rtol=2e-6, atol=1e-6)
    assert expected.max() > 10


def test_a_graph_of_probes_is_the_double_sum_in_the_network_of_the_element(
    toy_checkpoints: dict[str, Checkpoint],
    toy_repository: Path,
    molecule: Structures,
    rng: np.random.Generator,
) -> None:
    """Ω_A is σ y + μ, with y of A's network at the standardised sums over pairs of the field's atoms."""
    model = toy_checkpoints["toy-bpnn-energy"].build()
    network = cast("BPNN", model.network)
    points = molecule.positions[:8] + rng.normal(0.0, 0.6, (8, 3))
    sums = sums_at(network.settings, points, molecule.numbers, molecule.positions)
    scaled = (torch.from_numpy(sums) - network.mean) / network.deviation
    session = ort.InferenceSession(toy_repository / "toy-bpnn-energy" / "1" / "probe.onnx")
    feed = {
        "points": points.astype(np.float32),
        "elements": np.array([8, 1]),
        "numbers": molecule.numbers,
        "positions": molecule.positions.astype(np.float32),
    }
    (values,) = session.run(None, feed)
    for got, index in zip(values, (3, 0), strict=True):  # of O and H among H, C, N and O
        y = network.networks[index].double()(scaled)[:, 0]
        expected = y * float(model.head.scale) + float(model.head.shift)
        np.testing.assert_allclose(got, expected.detach(), atol=1e-5)
    assert np.ptp(values) > 0.1


def test_each_element_has_its_own_network() -> None:
    """Changing oxygen's network changes oxygen alone."""
    network = BPNN(SETTINGS)
    numbers, descriptors = torch.tensor([1, 6, 7, 8]), torch.ones(4, network.symmetry.count)
    before = network(numbers, descriptors).values.detach()
    with torch.no_grad():
        network.get_parameter("networks.3.4.bias").add_(1.0)
    after = network(numbers, descriptors).values.detach()
    np.testing.assert_allclose(after - before, [0, 0, 0, 1], atol=1e-6)


def test_standardised_descriptors_have_no_mean_and_unit_deviation() -> None:
    """Mean and deviation are taken per function; one that hardly varies keeps a floor."""
    network = BPNN(SETTINGS)
    rows = torch.randn(500, network.symmetry.count) * 3.0 + 7.0
    rows[:, 0] = 7.0
    network.standardise(rows)
    scaled = (rows - network.mean) / network.deviation
    np.testing.assert_allclose(scaled.mean(0), 0.0, atol=1e-5)
    np.testing.assert_allclose(scaled[:, 1:].std(0), 1.0, atol=1e-5)
    assert network.deviation[0] == pytest.approx(0.03, rel=0.2)


def test_functions_that_never_vary_do_no_harm() -> None:
    """Where most descriptors are constant, as for atoms alone, outputs stay finite."""
    network = BPNN(SETTINGS)
    descriptors = torch.zeros(6, network.symmetry.count)
    descriptors[:, 0] = torch.arange(6.0)
    network.standardise(descriptors)
    numbers = torch.tensor([1, 6, 7, 8, 1, 6])
    assert torch.isfinite(network(numbers, descriptors).values).all()
