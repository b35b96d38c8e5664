"""`atomlens.export.bpnn`, against double sums over pairs of neighbors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from atomlens.export.bpnn import BPNN, BPNNSettings, SymmetryFunctions
from atomlens.export.neighborhood import HalfList
from atomlens.export.ragged import half_pairs
from atomlens.server.neighbors import find_pairs
from atomlens.server.structures import Floats, Structures

SETTINGS = BPNNSettings((1, 6, 7, 8), cutoff_angstrom=4.0, radial=5, angular=3, hidden=(6, 4))


def double_sums(structures: Structures) -> Floats:
    """Return all symmetry functions of every atom, (atoms, functions), with nothing rearranged."""
    cutoff = SETTINGS.cutoff_angstrom
    centers = np.linspace(0.5, cutoff - 0.5, SETTINGS.radial)
    eta = 1 / (2 * (centers[1] - centers[0]) ** 2)
    etas = 1 / (2 * np.linspace(1.0, cutoff - 0.5, SETTINGS.angular) ** 2)
    pairs = find_pairs(structures, cutoff)
    rows = []
    for atom in range(len(structures.numbers)):
        mine = pairs.centers == atom
        j = pairs.neighbors[mine]
        vectors = structures.positions[j] + pairs.shifts[mine] - structures.positions[atom]
        r = np.linalg.norm(vectors, axis=1)
        fade, z = 0.5 * (np.cos(np.pi * r / cutoff) + 1), structures.numbers[j]
        radial = [(z * np.exp(-eta * (r - center) ** 2) * fade).sum() for center in centers]
        angular = np.zeros((2, SETTINGS.angular))
        for a in range(len(j)):
            for b in range(a + 1, len(j)):
                cosine = vectors[a] @ vectors[b] / (r[a] * r[b])
                common = z[a] * z[b] * np.exp(-etas * (r[a] ** 2 + r[b] ** 2)) * fade[a] * fade[b]
                angular += np.stack([(1 + cosine) * common, (1 - cosine) * common])
        rows.append([*radial, *angular.ravel()])
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
