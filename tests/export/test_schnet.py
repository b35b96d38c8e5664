"""`atomlens.export.schnet`, against loops over atoms and pairs written from the formulas."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from atomlens.export.neighborhood import Field, NeighborTable
from atomlens.export.schnet import SchNet, SchNetSettings
from atomlens.server.neighbors import find_pairs, make_table
from atomlens.server.structures import Floats, Structures

SETTINGS = SchNetSettings((1, 6, 7, 8), cutoff_angstrom=4.0, features=8, blocks=3, gaussians=6)


def softplus(x: Floats) -> Floats:
    """Return ssp(x)."""
    result: Floats = np.log1p(np.exp(x)) - np.log(2.0)
    return result


def dense(weights: dict[str, Floats], name: str, x: Floats) -> Floats:
    """Return W₂ ssp(W₁x + b₁) + b₂ of the two layers called `name`."""
    hidden = softplus(weights[f"{name}.0.weight"] @ x + weights[f"{name}.0.bias"])
    result: Floats = weights[f"{name}.2.weight"] @ hidden + weights[f"{name}.2.bias"]
    return result


def looped(weights: dict[str, Floats], structures: Structures) -> tuple[Floats, Floats]:
    """Return y (atoms,) and what atoms send in each block, (blocks, atoms, features)."""
    centers = np.linspace(0.0, SETTINGS.cutoff_angstrom, SETTINGS.gaussians)
    width = centers[1] - centers[0]
    pairs = find_pairs(structures, SETTINGS.cutoff_angstrom)
    x = [weights["embedding.weight"][number] for number in structures.numbers]
    layers = []
    for block in range(SETTINGS.blocks):
        layers.append(np.array([weights[f"blocks.{block}.project.weight"] @ features for features in x]))
        messages = [np.zeros(SETTINGS.features) for _ in x]
        for i, j, shift in zip(pairs.centers, pairs.neighbors, pairs.shifts, strict=True):
            r = np.linalg.norm(structures.positions[j] + shift - structures.positions[i])
            waves = np.exp(-((r - centers) ** 2) / (2 * width**2))
            fade = 0.5 * (np.cos(np.pi * r / SETTINGS.cutoff_angstrom) + 1)
            filters = dense(weights, f"blocks.{block}.filters", waves) * fade
            messages[i] = messages[i] + layers[-1][j] * filters
        x = [
            old + dense(weights, f"blocks.{block}.update", message)
            for old, message in zip(x, messages, strict=True)
        ]
    return np.array([dense(weights, "output", features)[0] for features in x]), np.array(layers)


def built() -> tuple[SchNet, dict[str, Floats]]:
    """Return a network with random weights, biases too, in float64 and its weights as arrays."""
    torch.manual_seed(3)
    network = SchNet(SETTINGS).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network, {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def probed(
    weights: dict[str, Floats], layers: Floats, positions: Floats, points: Floats, elements: list[int]
) -> Floats:
    """Return y (elements, points): one probe after another, block after block, atom after atom.

    Args:
        weights: of the network.
        layers: what the field's atoms send in each block, (blocks, field, features).
        positions: of the field's atoms, (field, 3).
        points: where probes sit, (points, 3).
        elements: of the probes.
    """
    centers = np.linspace(0.0, SETTINGS.cutoff_angstrom, SETTINGS.gaussians)
    width = centers[1] - centers[0]
    values = np.zeros((len(elements), len(points)))
    for (e, element), (p, point) in product(enumerate(elements), enumerate(points)):
        z = weights["embedding.weight"][element]
        for block, sent in enumerate(layers):
            message = np.zeros(SETTINGS.features)
            for p_i, position in zip(sent, positions, strict=True):
                r = np.linalg.norm(position - point)
                if r < SETTINGS.cutoff_angstrom:
                    waves = np.exp(-((r - centers) ** 2) / (2 * width**2))
                    fade = 0.5 * (np.cos(np.pi * r / SETTINGS.cutoff_angstrom) + 1)
                    filters = dense(weights, f"blocks.{block}.filters", waves) * fade
                    message = message + p_i * filters
            z = z + dense(weights, f"blocks.{block}.update", message)
        values[e, p] = dense(weights, "output", z)[0]
    return values


@pytest.mark.parametrize("system", ["molecule", "crystal"])
@torch.no_grad()
def test_a_probe_is_its_formula(
    system: str, request: pytest.FixtureRequest, rng: np.random.Generator
) -> None:
    """Out(a_A + Σ_l v^l(Σ_i p_i^l ∘ W^l(|r − r_i|))), images included, on a nucleus and far too."""
    structures = request.getfixturevalue(system)
    network, weights = built()
    _, layers = looped(weights, structures)
    steps = np.unique(np.array(list(product((-1, 0, 1), repeat=3))) * structures.pbc[0], axis=0)
    field = (structures.positions + (steps @ structures.cells[0])[:, None]).reshape(-1, 3)
    carried = np.tile(layers, (1, len(steps), 1))
    points = np.vstack(
        [structures.positions[:2] + rng.normal(0.0, 0.7, (2, 3)), structures.positions[3], [99.0] * 3]
    )
    around = Field(torch.from_numpy(points), torch.from_numpy(field))
    values = network.probe(torch.tensor([8, 1, 6]), around, torch.from_numpy(carried))
    expected = probed(weights, carried, field, points, [8, 1, 6])
    np.testing.assert_allclose(values, expected, atol=1e-6)
    assert np.ptp(expected, axis=1).min() > 0.01


@pytest.mark.parametrize("system", ["molecule", "crystal"])
@torch.no_grad()
def test_schnet_is_its_formulas(system: str, request: pytest.FixtureRequest) -> None:
    """Outputs and context equal a loop over atoms and pairs, in molecules and with periodic images."""
    structures = request.getfixturevalue(system)
    network, weights = built()
    table = make_table(find_pairs(structures, SETTINGS.cutoff_angstrom), len(structures.numbers))
    around = NeighborTable(
        torch.from_numpy(structures.positions),
        torch.from_numpy(table.neighbors),
        torch.from_numpy(table.shifts).double(),
        SETTINGS.cutoff_angstrom,
    )
    values, context = network(torch.from_numpy(structures.numbers), around)
    expected, layers = looped(weights, structures)
    np.testing.assert_allclose(values, expected, atol=2e-6)  # shifts of tables are float32
    np.testing.assert_allclose(context, layers, atol=2e-6)
    assert np.ptp(expected) > 0.05
