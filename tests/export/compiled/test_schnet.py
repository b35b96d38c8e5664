"""`atomlens.export.compiled.schnet`, against the network it is made of, in float64."""

from __future__ import annotations

import numpy as np
import torch

from atomlens.export.compiled.radial_table import knots
from atomlens.export.compiled.schnet import CompiledSchNet, expand_filters
from atomlens.export.heads import EnergyHead
from atomlens.export.layers import cosine_cutoff
from atomlens.export.neighborhood import Field, NeighborTable
from atomlens.export.schnet import SchNet
from atomlens.server.neighbors import find_pairs, make_table
from atomlens.server.structures import Structures

ALL = 24  # terms: blocks · features


@torch.no_grad()
def test_functions_and_coefficients_make_the_filters(schnet: SchNet) -> None:
    """With all terms exactly, with fewer the less well the fewer, each function of the size of 1."""
    r = knots(4.0)
    fade = cosine_cutoff(r, 4.0)[:, None]
    exact = [block.filters(schnet.gaussians(r)) * fade for block in schnet.interactions]
    errors = []
    for terms in (2, 4, 8, ALL):
        made = expand_filters(schnet, terms)
        assert made.functions.shape[1] <= terms
        np.testing.assert_allclose(made.functions.abs().max(0).values, 1.0)
        products = [made.functions @ coefficients for coefficients in made.coefficients]
        errors.append(max(float((a - b).abs().max()) for a, b in zip(products, exact, strict=True)))
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 1e-2
    assert errors[-1] < 1e-9


@torch.no_grad()
def test_atoms_are_worth_what_the_network_says(
    schnet: SchNet, head: EnergyHead, molecule: Structures
) -> None:
    """Values with scale and mean inside, and what atoms send in each block."""
    table = make_table(find_pairs(molecule, 4.0), len(molecule.numbers))
    positions, neighbors = torch.from_numpy(molecule.positions), torch.from_numpy(table.neighbors)
    shifts, numbers = torch.from_numpy(table.shifts).double(), torch.from_numpy(molecule.numbers)
    expected, context = schnet(numbers, NeighborTable(positions, neighbors, shifts, 4.0))
    form = CompiledSchNet(schnet, head, ALL)
    values, sent = form(numbers, form.table(positions, neighbors, shifts))
    np.testing.assert_allclose(values, head(expected), atol=1e-5)
    np.testing.assert_allclose(sent, context, atol=1e-5)
    assert np.ptp(values.numpy()) > 0.01


@torch.no_grad()
def test_probes_are_worth_what_the_network_says(
    schnet: SchNet, head: EnergyHead, molecule: Structures, rng: np.random.Generator
) -> None:
    """Of several elements, on a nucleus and far from all atoms too."""
    positions = torch.from_numpy(molecule.positions)
    points = torch.from_numpy(
        np.vstack([molecule.positions[:5] + rng.normal(0, 0.7, (5, 3)), molecule.positions[:1], [[99.0] * 3]])
    )
    carried = torch.from_numpy(rng.normal(size=(3, 12, 8)))
    elements = torch.tensor([8, 1, 6])
    expected = head(schnet.probe(elements, Field(points, positions), carried))
    form = CompiledSchNet(schnet, head, ALL)
    values = form.probe(elements, form.field(points, positions), carried)
    np.testing.assert_allclose(values, expected, atol=1e-5)
    assert np.ptp(values.numpy(), axis=1).min() > 0.01
