"""`atomlens.export.neighborhood`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from atomlens.export.neighborhood import HalfList, NeighborTable
from atomlens.export.ragged import half_pairs
from atomlens.server.neighbors import find_pairs, make_table
from atomlens.server.structures import Structures

CUTOFF = 4.5


def layouts(structures: Structures) -> tuple[NeighborTable, HalfList]:
    """Return the same neighborhood in both layouts, in float64."""
    positions = torch.from_numpy(structures.positions)
    table = make_table(find_pairs(structures, CUTOFF), len(positions))
    half = half_pairs(structures, CUTOFF)
    i, j = torch.from_numpy(half.centers), torch.from_numpy(half.neighbors)
    shifts = torch.from_numpy(table.shifts).double()
    return (
        NeighborTable(positions, torch.from_numpy(table.neighbors), shifts, CUTOFF),
        HalfList(positions, i, j, torch.from_numpy(half.shifts)),
    )


@pytest.mark.parametrize("system", ["molecule", "crystal"])
def test_both_layouts_convolve_alike(system: str, request: pytest.FixtureRequest) -> None:
    """Even and odd filters give the same sums on slots and on pairs, images included."""
    structures = request.getfixturevalue(system)
    features = torch.from_numpy(np.random.default_rng(0).normal(size=(len(structures.numbers), 1)))
    even, odd = [], []
    for layout in layouts(structures):
        weights = torch.where(layout.distances < CUTOFF, torch.exp(-layout.distances), 0.0)[..., None]
        even.append(layout.convolve(features, weights))
        odd.append(layout.convolve_odd(features, weights * layout.directions))
    np.testing.assert_allclose(even[0], even[1], atol=1e-6)  # shifts of tables are float32
    np.testing.assert_allclose(odd[0], odd[1], atol=1e-6)
    assert min(even[0].abs().max(), odd[0].abs().max()) > 0.1


def test_an_empty_slot_lies_at_the_cutoff() -> None:
    """Slots of −1 read no atom's place, whatever the last atom is."""
    positions = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    table = NeighborTable(positions, torch.tensor([[1, -1], [-1, -1]]), torch.zeros(2, 2, 3), CUTOFF)
    np.testing.assert_array_equal(table.distances, [[1.0, CUTOFF], [CUTOFF, CUTOFF]])


def test_an_empty_slot_leaves_gradients_finite() -> None:
    """The slot of an atom with itself, at distance zero, gives no NaN on the way back."""
    positions = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]], requires_grad=True)
    table = NeighborTable(positions, torch.tensor([[1, -1], [0, -1]]), torch.zeros(2, 2, 3), CUTOFF)
    (table.distances.sum() + table.directions.sum()).backward()  # type: ignore[no-untyped-call]
    assert positions.grad is not None
    assert torch.isfinite(positions.grad).all()
