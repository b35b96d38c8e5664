"""Networks in float64 that the tests of compiled ones begin with."""

from __future__ import annotations

import pytest
import torch

from atomlens.export.bpnn import BPNN, BPNNSettings
from atomlens.export.heads import EnergyHead
from atomlens.export.schnet import SchNet, SchNetSettings

ELEMENTS = (1, 6, 7, 8)


def shaken(module: torch.nn.Module) -> None:
    """Give every parameter, biases too, something random."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))


@pytest.fixture
def schnet() -> SchNet:
    """A small SchNet."""
    torch.manual_seed(3)
    network = SchNet(SchNetSettings(ELEMENTS, 4.0, features=8, blocks=3, gaussians=6)).double().eval()
    shaken(network)
    return network


@pytest.fixture
def bpnn() -> BPNN:
    """A small Behler–Parrinello network with descriptors on a scale of their own."""
    torch.manual_seed(4)
    network = BPNN(BPNNSettings(ELEMENTS, 4.0, radial=5, angular=3, hidden=(6, 4))).double().eval()
    shaken(network)
    network.standardise(torch.randn(50, network.symmetry.count, dtype=torch.float64) * 3.0 + 5.0)
    return network


@pytest.fixture
def head() -> EnergyHead:
    """A head with a scale and a mean."""
    made = EnergyHead().double()
    made.scale.fill_(0.7)
    made.shift.fill_(-4.0)
    return made
