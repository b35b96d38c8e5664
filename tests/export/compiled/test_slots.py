"""`atomlens.export.compiled.slots`, against loops over pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from atomlens.export.compiled.slots import FieldSlots, MoleculeSlots, Slots, TableSlots
from atomlens.server.neighbors import find_pairs, make_table
from atomlens.server.structures import Floats, Structures

CUTOFF = 4.5


def waves(distances: Tensor) -> Tensor:
    """Return two functions of the distance that vanish from the cutoff on: (..., 2)."""
    fade = torch.where(distances < CUTOFF, (CUTOFF - distances) ** 2, 0.0)
    return torch.stack([fade, distances * fade], -1)


def convolved(slots: Slots, features: Floats, coefficients: Floats) -> Tensor:
    """Return the convolution of features with filters in those functions."""
    return slots.convolve(torch.from_numpy(features), waves(slots.distances), torch.from_numpy(coefficients))


def looped(vectors: Floats, features: Floats, coefficients: Floats) -> Floats:
    """Return Σ_j features_j ∘ (waves_j coefficients) of one center: (channels,)."""
    total = np.zeros(coefficients.shape[1])
    for vector, feature in zip(vectors, features, strict=True):
        r = float(np.linalg.norm(vector))
        if r < CUTOFF:
            total += feature * (np.array([(CUTOFF - r) ** 2, r * (CUTOFF - r) ** 2]) @ coefficients)
    return total


@pytest.mark.parametrize("system", ["molecule", "crystal"])
def test_a_table_convolves_what_its_pairs_say(
    system: str, request: pytest.FixtureRequest, rng: np.random.Generator
) -> None:
    """As in a loop over pairs, images included."""
    structures: Structures = request.getfixturevalue(system)
    atoms = len(structures.numbers)
    features, coefficients = rng.normal(size=(atoms, 3)), rng.normal(size=(2, 3))
    pairs = find_pairs(structures, CUTOFF)
    table = make_table(pairs, atoms)
    positions, neighbors = torch.from_numpy(structures.positions), torch.from_numpy(table.neighbors)
    slots = TableSlots(positions, neighbors, torch.from_numpy(table.shifts).double(), CUTOFF)
    got = convolved(slots, features, coefficients)
    for atom in range(atoms):
        mine = pairs.centers == atom
        j = pairs.neighbors[mine]
        vectors = structures.positions[j] + pairs.shifts[mine] - structures.positions[atom]
        np.testing.assert_allclose(got[atom], looped(vectors, features[j], coefficients), atol=1e-5)
    np.testing.assert_array_equal(slots.felt(torch.arange(atoms))[0, 0], table.neighbors[0, 0])


def test_molecules_feel_their_own_atoms_and_no_padding(rng: np.random.Generator) -> None:
    """As in a loop over the real atoms of each molecule; an atom does not feel itself."""
    counts, slots = [5, 3], 5
    positions = rng.uniform(-3.0, 3.0, (2, slots, 3))
    numbers = np.where(np.arange(slots) < np.array(counts)[:, None], 6, 0)
    features, coefficients = rng.normal(size=(2 * slots, 3)), rng.normal(size=(2, 3))
    dense = MoleculeSlots(torch.from_numpy(numbers), torch.from_numpy(positions), CUTOFF)
    got = convolved(dense, features, coefficients).view(2, slots, 3)
    for molecule, count in enumerate(counts):
        for atom in range(count):
            others = np.delete(np.arange(count), atom)
            vectors = positions[molecule, others] - positions[molecule, atom]
            expected = looped(vectors, features[molecule * slots + others], coefficients)
            np.testing.assert_allclose(got[molecule, atom], expected, atol=1e-9)


def test_rows_vectors_and_values_of_molecules_belong_together(rng: np.random.Generator) -> None:
    """Row i has the distances and vectors from atom i to every slot, and the values of their atoms."""
    positions = torch.from_numpy(rng.uniform(-1.0, 1.0, (2, 4, 3)))
    dense = MoleculeSlots(torch.full((2, 4), 6), positions, CUTOFF)
    apart = positions[:, None] - positions[:, :, None]  # (molecules, i, j, 3)
    lengths = apart.norm(dim=-1) + CUTOFF * torch.eye(4)
    np.testing.assert_allclose(dense.rows(), lengths.flatten(0, 1), atol=1e-12)
    np.testing.assert_allclose(torch.stack(list(dense.vectors), -1), apart.flatten(0, 1), atol=1e-12)
    assert dense.felt(torch.arange(8)).tolist() == [[0, 1, 2, 3]] * 4 + [[4, 5, 6, 7]] * 4


def test_points_feel_a_field(molecule: Structures, rng: np.random.Generator) -> None:
    """As in a loop over the field's atoms, on a nucleus and far from all too."""
    features, coefficients = rng.normal(size=(12, 3)), rng.normal(size=(2, 3))
    positions = molecule.positions
    points = np.vstack([rng.uniform(-2, 8, (9, 3)), positions[3], positions[:1] + 50.0])
    slots = FieldSlots(torch.from_numpy(points), torch.from_numpy(positions), CUTOFF)
    got = convolved(slots, features, coefficients)
    for point, one in zip(points, got, strict=True):
        np.testing.assert_allclose(one, looped(positions - point, features, coefficients), atol=1e-4)
    assert not got[-1].any()
    assert torch.isfinite(slots.rows()).all()
