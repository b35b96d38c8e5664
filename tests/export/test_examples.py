"""`atomlens.export.examples`."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.export.checkpoint import Checkpoint
from atomlens.export.examples import probe_points, verification_batches
from atomlens.server.neighbors import Pairs, find_pairs
from atomlens.server.structures import Floats, Structures


@pytest.fixture
def checkpoint(toy_checkpoints: dict[str, Checkpoint]) -> Checkpoint:
    """A measured checkpoint."""
    return toy_checkpoints["toy-schnet-energy"]


@pytest.fixture
def batches(checkpoint: Checkpoint) -> dict[str, Structures]:
    """The batches for it."""
    return verification_batches(checkpoint)


def pairs(structures: Structures) -> Pairs:
    """Return the pairs within the model's cutoff."""
    return find_pairs(structures, 5.0)


@pytest.mark.parametrize("name", ["one atom", "single atoms", "no pairs"])
def test_some_batches_have_no_pairs_at_all(batches: dict[str, Structures], name: str) -> None:
    """An empty neighbor table is a case of its own."""
    assert len(pairs(batches[name]).centers) == 0


def test_every_element_comes_alone_and_in_company(batches: dict[str, Structures]) -> None:
    """Single atoms are all elements; random molecules hold all of them too."""
    assert batches["single atoms"].numbers.tolist() == [1, 6, 7, 8]
    assert set(batches["random molecules"].numbers.tolist()) == {1, 6, 7, 8}


def test_isolated_atoms_sit_in_structures_with_pairs(batches: dict[str, Structures]) -> None:
    """The last atom of each structure has no neighbor, others have."""
    structures = batches["isolated atoms"]
    lonely = np.setdiff1d(np.arange(len(structures.numbers)), pairs(structures).centers)
    assert set(structures.offsets[1:] - 1) <= set(lonely)
    assert len(pairs(structures).centers) > 0


def test_the_largest_training_structure_is_there_as_it_was(
    batches: dict[str, Structures], checkpoint: Checkpoint
) -> None:
    """Numbers and positions come from the checkpoint."""
    largest = batches["largest training structure"]
    assert largest.numbers.tolist() == checkpoint.measured["largest"]["numbers"]
    assert largest.positions.tolist() == checkpoint.measured["largest"]["positions"]


def test_random_molecules_keep_the_closest_distances_of_training(
    batches: dict[str, Structures], checkpoint: Checkpoint
) -> None:
    """A graph is not refused for what happens far outside its training."""
    structures = batches["random molecules"]
    closest = {tuple(row["numbers"]): row["distance"] for row in checkpoint.measured["closest"]}
    found = pairs(structures)
    distances = np.linalg.norm(
        structures.positions[found.neighbors] - structures.positions[found.centers], axis=1
    )
    kinds = np.sort(structures.numbers[np.stack([found.centers, found.neighbors], 1)], axis=1)
    assert all(d >= closest[i, j] - 1e-9 for (i, j), d in zip(kinds.tolist(), distances, strict=True))


def test_periodic_structures_feel_their_own_images(batches: dict[str, Structures]) -> None:
    """Cells are smaller than twice the cutoff, and atoms are neighbors of themselves."""
    found = pairs(batches["periodic"])
    assert (found.centers == found.neighbors).any()


def test_a_mixed_batch_has_everything(batches: dict[str, Structures]) -> None:
    """Single atoms, molecules and crystals in one batch."""
    mixed = batches["mixed batch"]
    assert mixed.counts.min() == 1
    assert mixed.pbc.any()
    assert not mixed.pbc.all()


def test_the_same_checkpoint_gives_the_same_batches(
    checkpoint: Checkpoint, batches: dict[str, Structures]
) -> None:
    """Nothing is drawn without a seed."""
    again = verification_batches(checkpoint)
    assert list(again) == list(batches)
    assert all(np.array_equal(again[name].positions, batches[name].positions) for name in batches)


def distances(one: Structures, points: Floats) -> Floats:
    """Return how far each point is from each atom as it was given: (points, atoms) Å."""
    lengths: Floats = np.linalg.norm(one.positions - points[:, None], axis=2)
    return lengths


@pytest.mark.parametrize("name", ["one atom", "no pairs", "random molecules", "periodic", "mixed batch"])
def test_probes_sit_around_the_first_and_the_last_structure(
    name: str, checkpoint: Checkpoint, batches: dict[str, Structures]
) -> None:
    """As far as bonds are long, nearer than half an Å, on a nucleus and, of molecules, beyond the cutoff."""
    structures = batches[name]
    around = probe_points(checkpoint, structures)
    assert list(around) == sorted({0, len(structures) - 1})
    for row, points in around.items():
        one = structures.take([row])
        nearest = distances(one, points).min(1)
        assert (nearest == 0.0).sum() == 1
        if not one.pbc.any():
            assert (nearest[nearest > 0] < 0.5).sum() >= 2
            assert ((nearest > 0.9) & (nearest < 2.6)).sum() >= 2
            assert (nearest > 5.0).sum() == 1


def test_probes_of_periodic_structures_lie_in_any_cell(
    checkpoint: Checkpoint, batches: dict[str, Structures]
) -> None:
    """Some are several cells away from the atoms."""
    structures = batches["periodic"]
    for row, points in probe_points(checkpoint, structures).items():
        one = structures.take([row])
        cells = np.floor((points - one.positions.mean(0)) @ np.linalg.inv(one.cells[0]) + 0.5)
        assert len(np.unique(cells, axis=0)) > 4
        assert np.abs(cells).max() >= 2


def test_the_same_structures_are_probed_at_the_same_points(
    checkpoint: Checkpoint, batches: dict[str, Structures]
) -> None:
    """Nothing is drawn without a seed."""
    for structures in batches.values():
        once, again = probe_points(checkpoint, structures), probe_points(checkpoint, structures)
        assert all(np.array_equal(once[row], again[row]) for row in once)
