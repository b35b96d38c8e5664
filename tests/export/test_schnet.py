"""`atomlens.export.schnet`, against loops over atoms and pairs written from the formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from atomlens.export.neighborhood import NeighborTable
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
    """Return y (atoms,) and the features that enter each block (blocks, atoms, features)."""
    centers = np.linspace(0.0, SETTINGS.cutoff_angstrom, SETTINGS.gaussians)
    width = centers[1] - centers[0]
    pairs = find_pairs(structures, SETTINGS.cutoff_angstrom)
    x = [weights["embedding.weight"][number] for number in structures.numbers]
    layers = []
    for block in range(SETTINGS.blocks):
        layers.append(np.array(x))
        messages = [np.zeros(SETTINGS.features) for _ in x]
        for i, j, shift in zip(pairs.centers, pairs.neighbors, pairs.shifts, strict=True):
            r = np.linalg.norm(structures.positions[j] + shift - structures.positions[i])
            waves = np.exp(-((r - centers) ** 2) / (2 * width**2))
            fade = 0.5 * (np.cos(np.pi * r / SETTINGS.cutoff_angstrom) + 1)
            filters = dense(weights, f"blocks.{block}.filters", waves) * fade
            messages[i] = messages[i] + (weights[f"blocks.{block}.project.weight"] @ x[j]) * filters
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
