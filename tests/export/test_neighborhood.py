"""`atomlens.export.neighborhood`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from atomlens.export.neighborhood import Field, HalfList, Neighborhood, NeighborTable, PointPairs
from atomlens.export.ragged import half_pairs
from atomlens.server.neighbors import find_pairs, make_table
from atomlens.server.structures import Floats, Structures

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


def field_sums(points: Floats, positions: Floats, features: Floats) -> tuple[Floats, Floats]:
    """Return Σ_j f_j exp(−r) and Σ_j f_j exp(−r) u over atoms within the cutoff, one pair after another."""
    even, odd = np.zeros((len(points), 1)), np.zeros((len(points), 3))
    for p, point in enumerate(points):
        for position, feature in zip(positions, features, strict=True):
            r = np.linalg.norm(position - point)
            if r < CUTOFF:
                even[p] += feature * np.exp(-r)
                odd[p] += feature * np.exp(-r) * (position - point) / (r or 1.0)
    return even, odd


def both_layouts(points: Floats, positions: Floats) -> list[Neighborhood]:
    """Return what points feel of atoms as a field and as pairs in no order."""
    i, j = np.nonzero(np.linalg.norm(positions - points[:, None], axis=2) < CUTOFF)
    order = np.random.default_rng(0).permutation(len(i))
    i, j = i[order], j[order]
    pairs = torch.from_numpy(positions[j] - points[i])
    return [
        Field(torch.from_numpy(points), torch.from_numpy(positions)),
        PointPairs(torch.from_numpy(i), torch.from_numpy(j), pairs, len(points)),
    ]


@pytest.mark.parametrize("layout", [0, 1], ids=["field", "pairs"])
def test_points_feel_the_atoms_around_them(
    layout: int, molecule: Structures, rng: np.random.Generator
) -> None:
    """As in a double loop: at any place, on a nucleus too, where the direction is none, and far from all."""
    positions, features = molecule.positions, rng.normal(size=(12, 1))
    points = np.vstack([rng.uniform(-2, 8, (9, 3)), positions[3], positions[:1] + 50.0])
    around = both_layouts(points, positions)[layout]
    weights = torch.where(around.distances < CUTOFF, torch.exp(-around.distances), 0.0)[..., None]
    even, odd = field_sums(points, positions, features)
    felt = torch.from_numpy(features)
    np.testing.assert_allclose(around.convolve(felt, weights), even, atol=1e-12)
    np.testing.assert_allclose(around.convolve_odd(felt, weights * around.directions), odd, atol=1e-12)
    assert min(np.abs(even).max(), np.abs(odd).max()) > 0.1
    assert even[-1] == 0


@pytest.mark.parametrize("layout", [0, 1], ids=["field", "pairs"])
def test_there_is_no_direction_on_a_nucleus(layout: int) -> None:
    """The vector of length zero is no 0/0, in float64 and, of a field, in the float32 of graphs."""
    positions = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 4.5]])
    around = both_layouts(positions[:1], positions)[layout]
    narrow = Field(torch.from_numpy(positions[:1]).float(), torch.from_numpy(positions).float())
    for directions in (around.directions, narrow.directions):
        assert sorted(directions.reshape(2, 3).tolist()) == [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
