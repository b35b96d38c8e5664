"""`atomlens.export.dataset`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from atomlens.export.dataset import DataError, Dataset, random_split
from atomlens.server.structures import Structures


@pytest.fixture
def data() -> Dataset:
    """Four structures of two atoms: two to train on, one each to validate and test."""
    structures = Structures.molecules([2] * 4, [1, 8] * 4, np.arange(24.0))
    return Dataset(structures, np.arange(4.0), np.array([0, 0, 1, 2], np.uint8), "u0", "eV", "made up")


def with_structures(data: Dataset, **fields: Any) -> Dataset:
    """Return the dataset with other fields of its structures."""
    return replace(data, structures=replace(data.structures, **fields))


def test_a_sound_dataset_passes(data: Dataset) -> None:
    """`check` returns the dataset itself."""
    assert data.check() is data
    assert data.sizes == {"training": 2, "validation": 1, "test": 1}
    assert data.elements == (1, 8)


def test_a_part_has_its_structures_and_labels(data: Dataset) -> None:
    """Rows of the split's number, in order."""
    part = data.part(0)
    np.testing.assert_array_equal(part.labels, [0.0, 1.0])
    np.testing.assert_array_equal(part.structures.positions, data.structures.positions[:4])


def test_labels_must_be_finite(data: Dataset) -> None:
    """The row of the first that is not is named."""
    with pytest.raises(DataError, match="`u0` must be finite, row 2"):
        replace(data, labels=np.array([0.0, 1.0, np.nan, np.inf])).check()


def test_positions_must_be_finite(data: Dataset) -> None:
    """The atom is named."""
    positions = data.structures.positions.copy()
    positions[5, 1] = np.inf
    with pytest.raises(DataError, match="`positions` must be finite, row 5"):
        with_structures(data, positions=positions).check()


def test_structures_must_have_atoms(data: Dataset) -> None:
    """An empty structure is named."""
    with pytest.raises(DataError, match="`n_atoms` must be positive, structure 1"):
        with_structures(data, counts=np.array([2, 0, 3, 3])).check()


def test_atomic_numbers_must_exist(data: Dataset) -> None:
    """0 and 119 are no elements."""
    with pytest.raises(DataError, match=r"`numbers` must be 1 to 118, got \[0, 119\]"):
        with_structures(data, numbers=np.array([1, 8, 0, 8, 1, 119, 1, 8])).check()


@pytest.mark.parametrize("split", [[0, 0, 0, 2], [0, 1, 1, 2]])
def test_every_part_needs_structures(data: Dataset, split: list[int]) -> None:
    """Training needs two, the others one."""
    with pytest.raises(DataError, match="`split` must leave"):
        replace(data, split=np.array(split, np.uint8)).check()


def test_training_must_have_seen_every_element(data: Dataset) -> None:
    """An element of the test part alone is named."""
    with pytest.raises(DataError, match="training part lacks, change `split`: N"):
        with_structures(data, numbers=np.array([1, 8, 1, 8, 1, 8, 1, 7])).check()


def test_periodic_structures_have_no_dipole(data: Dataset) -> None:
    """Charges cannot be learned from crystals."""
    periodic = with_structures(data, pbc=np.ones((4, 3), bool), cells=np.stack([9 * np.eye(3)] * 4))
    assert periodic.check() is periodic
    with pytest.raises(DataError, match="periodic"):
        replace(periodic, unit="e·Å").check()


@pytest.mark.parametrize(
    ("cell", "pbc", "message"),
    [
        (np.zeros((3, 3)), [True] * 3, "`cell` must span .* structure 2"),
        (np.diag([5.0, 5.0, 0.0]), [True] * 3, "`cell` must span .* structure 2"),
        (
            np.array([[5.0, 0, 0], [5, 0, 0], [0, 0, 5]]),
            [True, True, False],
            "`cell` must span .* structure 2",
        ),
        (np.diag([5.0, np.nan, 5.0]), [True] * 3, "`cell` must be finite, row 2"),
        (np.diag([5.0, 1e9, 5.0]), [True] * 3, "`cell` must lie within"),
    ],
    ids=["none", "flat", "parallel", "nan", "huge"],
)
def test_cells_must_span_what_repeats(data: Dataset, cell: Any, pbc: list[bool], message: str) -> None:
    """A cell without volume has no neighbors one could count; a slab needs only two vectors."""
    cells = np.stack([9 * np.eye(3)] * 4)
    cells[2] = cell
    directions = np.zeros((4, 3), bool)
    directions[2] = pbc
    with pytest.raises(DataError, match=message):
        with_structures(data, cells=cells, pbc=directions).check()
    cells[2] = np.diag([5.0, 5.0, 0.0])
    directions[2] = [True, True, False]
    assert with_structures(data, cells=cells, pbc=directions).check()


def test_positions_must_be_near(data: Dataset) -> None:
    """Beyond 10⁶ Å no float can tell a bond."""
    with pytest.raises(DataError, match=r"`positions` must lie within 1e\+06 Å"):
        with_structures(data, positions=data.structures.positions + 1e7).check()


def test_labels_must_differ(data: Dataset) -> None:
    """From equal labels nothing can be learned, and their deviation is no scale."""
    with pytest.raises(
        DataError, match=r"`u0` must differ between structures, it is -40\.5 for all in training"
    ):
        replace(data, labels=np.array([-40.5, -40.5, 1.0, 2.0])).check()


@pytest.mark.parametrize("unit", ["e·Å", "Å²"])
def test_magnitudes_are_not_negative(data: Dataset, unit: str) -> None:
    """The magnitude of a dipole and the extent of a molecule have no sign, unlike an energy."""
    signed = replace(data, labels=np.array([0.1, 0.2, -0.3, 0.4]))
    assert signed.check() is signed
    with pytest.raises(DataError, match=r"`u0` is a magnitude, structure 2 has -0\.3"):
        replace(signed, unit=unit).check()


@pytest.mark.parametrize("structures", [3, 5, 100])
def test_a_random_split_has_all_parts_and_repeats(structures: int) -> None:
    """About a tenth is held out for each purpose, the same for the same seed."""
    split = random_split(structures, 4)
    held_out = max(structures // 10, 1)
    assert [(split == part).sum() for part in range(3)] == [structures - 2 * held_out, held_out, held_out]
    np.testing.assert_array_equal(split, random_split(structures, 4))
