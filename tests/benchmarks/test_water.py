"""Boxes of water."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.water import pairs_within, water_boxes


@pytest.mark.parametrize("atoms", [18, 81, 375])
def test_density(atoms: int) -> None:
    """Every box has 1 g/cm³ and as many pairs for each atom as water has within 5 Å."""
    boxes = water_boxes(atoms, 2)
    assert boxes.counts.tolist() == [atoms, atoms]
    grams = atoms / 3 * 18.015 / 6.02214e23
    volume = abs(np.linalg.det(boxes.cells[0])) * 1e-24
    assert grams / volume == pytest.approx(1.0, rel=0.01)
    assert pairs_within(boxes, 5.0) / (2 * atoms) == pytest.approx(4 / 3 * np.pi * 125 * 0.1003, rel=0.1)


@pytest.mark.parametrize("atoms", [18, 81, 375])
def test_molecules_are_whole(atoms: int) -> None:
    """Oxygen has two hydrogens at the length of a bond, and no atom comes close to another molecule's."""
    positions = water_boxes(atoms, 1).positions.reshape(-1, 3, 3)
    assert np.linalg.norm(positions[:, 1:] - positions[:, :1], axis=2) == pytest.approx(0.9572)
    assert pairs_within(water_boxes(atoms, 1), 1.4) == 4 * atoms // 3


def test_a_part_of_a_molecule_is_refused() -> None:
    """A number of atoms that is none of whole molecules is refused."""
    with pytest.raises(ValueError, match="multiple of 3"):
        water_boxes(10, 1)
