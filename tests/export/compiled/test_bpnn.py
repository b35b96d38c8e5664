"""`atomlens.export.compiled.bpnn`, against the network it is made of, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from atomlens.export.bpnn import BPNN
from atomlens.export.compiled.bpnn import CompiledBPNN
from atomlens.export.heads import EnergyHead
from atomlens.export.neighborhood import Field, NeighborTable
from atomlens.server.neighbors import find_pairs, make_table
from atomlens.server.structures import Structures


@pytest.mark.parametrize("kinds", [(1, 6, 7, 8), (8,), (7, 1)], ids=["all", "one", "two"])
@torch.no_grad()
def test_atoms_are_worth_what_the_network_says(
    kinds: tuple[int, ...], bpnn: BPNN, head: EnergyHead, molecule: Structures
) -> None:
    """Each in the network of its element, also where some elements are missing."""
    numbers = torch.tensor(kinds)[torch.arange(12) % len(kinds)]
    table = make_table(find_pairs(molecule, 4.0), 12)
    positions, neighbors = torch.from_numpy(molecule.positions), torch.from_numpy(table.neighbors)
    shifts = torch.from_numpy(table.shifts).double()
    around = NeighborTable(positions, neighbors, shifts, 4.0)
    expected = head(bpnn(numbers, bpnn.prepare(numbers, around)).values)
    form = CompiledBPNN(bpnn, head)
    values, context = form(numbers, form.table(positions, neighbors, shifts))
    np.testing.assert_allclose(values, expected, atol=1e-6)
    assert context is None
    assert np.ptp(values.numpy()) > 0.001


@torch.no_grad()
def test_probes_are_worth_what_the_network_says(
    bpnn: BPNN, head: EnergyHead, molecule: Structures, rng: np.random.Generator
) -> None:
    """Of several elements in any order, on a nucleus and far from all atoms too."""
    positions, numbers = torch.from_numpy(molecule.positions), torch.from_numpy(molecule.numbers)
    points = torch.from_numpy(
        np.vstack([molecule.positions[:5] + rng.normal(0, 0.7, (5, 3)), molecule.positions[:1], [[99.0] * 3]])
    )
    elements = torch.tensor([8, 1, 6])
    expected = head(bpnn.probe(elements, Field(points, positions), numbers))
    form = CompiledBPNN(bpnn, head)
    values = form.probe(elements, form.field(points, positions), numbers)
    np.testing.assert_allclose(values, expected, atol=1e-6)
    assert np.ptp(values.numpy(), axis=1).min() > 0.001
