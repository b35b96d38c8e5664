"""Structures made from what users have."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from atomlens.client import InputError, Structure


def test_from_ase() -> None:
    """Of ase.Atoms everything is taken, charge and multiplicity from `info`."""
    atoms = Atoms("NaCl", [[0, 0, 0], [2.8, 0, 0]], cell=[5.6, 5.6, 5.6], pbc=[True, False, True])
    atoms.info |= {"charge": 1, "spin": np.int64(2)}
    structure = Structure.of(atoms)
    assert structure.symbols == ["Na", "Cl"]
    assert structure.positions.tolist() == atoms.positions.tolist()
    assert structure.cell is not None
    assert structure.cell.tolist() == np.diag([5.6] * 3).tolist()
    assert structure.pbc.tolist() == [True, False, True]
    assert (structure.charge, structure.spin) == (1.0, 2)


def test_without_a_cell() -> None:
    """A molecule of ASE, whose cell is zero, has none."""
    assert Structure.of(Atoms("H")).cell is None


@pytest.mark.parametrize(
    "value",
    [
        {"symbols": ["O", "H"], "positions": [[0, 0, 0], [0, 0, 1]]},
        {"numbers": [8, 1], "positions": np.array([[0, 0, 0], [0, 0, 1]], np.float32)},
        ([8, 1], [[0, 0, 0], [0, 0, 1]]),
    ],
    ids=["symbols", "numbers", "arrays"],
)
def test_of_arrays(value: Any) -> None:
    """Dicts and pairs of arrays are structures, in float64 whatever they came in."""
    structure = Structure.of(value)
    assert structure.formula == "HO"
    assert structure.positions.dtype == np.float64
    assert structure.positions.tolist() == [[0, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"positions": [[0.0, 0.0]] * 2}, "positions", "`positions` must be (atoms, 3), got (2, 2)"),
        (
            {"positions": [[0.0] * 3] * 4},
            "positions",
            "`positions` must have a row for each of 2 `numbers`, got 4",
        ),
        ({"positions": [[0.0] * 3, [0.0]]}, "positions", "`positions` must be rows of one length"),
        ({"positions": [["a"] * 3] * 2}, "positions", "`positions` must be numbers, got <U1"),
        ({"numbers": [[1, 1]]}, "numbers", "`numbers` must be (atoms,), got (1, 2)"),
        ({"numbers": [1.0, 1.5]}, "numbers", "`numbers` must be integers, got float64"),
        ({"numbers": [1, 300]}, "numbers", "`numbers` must be atomic numbers from 1 to 118, got 300"),
        ({"numbers": [-1, 1]}, "numbers", "`numbers` must be atomic numbers from 1 to 118, got -1"),
        ({"cell": [1, 2, 3]}, "cell", "`cell` must be (3, 3), got (3,)"),
        ({"pbc": [True, False]}, "pbc", "`pbc` must be (3,), got (2,)"),
        ({"charge": [1, 2]}, "charge", "`charge` must be one number, got (2,)"),
        ({"charge": "neutral"}, "charge", "`charge` must be numbers, got <U7"),
        ({"spin": 1.5}, "spin", "`spin` must be a multiplicity or 0, got 1.5"),
    ],
)
def test_wrong_fields(fields: dict[str, Any], field: str, message: str) -> None:
    """A field of the wrong shape, length or kind is refused at once, by name."""
    correct: dict[str, Any] = {"numbers": [1, 1], "positions": [[0.0] * 3, [0.0, 0.0, 1.0]]}
    with pytest.raises(InputError) as caught:
        Structure(**(correct | fields))
    assert str(caught.value) == message
    assert caught.value.field == field
    assert caught.value.reason


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"numbers": [1]}, "a structure needs `positions`"),
        ({"symbols": ["Qq"], "positions": [[0] * 3]}, "`symbols` must be symbols of elements, got 'Qq'"),
        (
            {"number": [1], "positions": [[0] * 3]},
            "a structure has no `number`, it has numbers, symbols, positions, cell, pbc, charge, spin, id",
        ),
        (7, "`structure` must be ase.Atoms, a dict, a path or (numbers, positions), got int"),
    ],
)
def test_wrong_values(value: Any, message: str) -> None:
    """What is no structure is refused with what would be one."""
    with pytest.raises(InputError) as caught:
        Structure.of(value)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("sites", "words"),
    [
        ({"0": {"Cu": 0.75, "Au": 0.25}}, "0.75 Cu, 0.25 Au"),
        ({"0": {"Cu": 1.0}, "1": {"O": 0.9}}, "0.9 O"),
    ],
    ids=["alloy", "vacancies"],
)
def test_sites_occupied_in_part(sites: dict[str, dict[str, float]], words: str) -> None:
    """A structure with disorder is refused: what one of its elements gives would be no answer."""
    atoms = Atoms("Cu", cell=[3.7, 3.7, 3.7], pbc=True, info={"occupancy": sites})
    with pytest.raises(InputError) as caught:
        Structure.of(atoms)
    assert str(caught.value) == f"`occupancy` must be one whole atom on every site, got {words}"
    assert (caught.value.reason, caught.value.field) == ("PARTIAL_OCCUPANCY", "occupancy")


@pytest.mark.parametrize("occupancy", [{"0": {"Cu": 1.0}}, {"0": {"Cu": 0.9999}}, {}, 0.5, [1.0]], ids=str)
def test_occupied_sites(occupancy: object) -> None:
    """Full sites are no obstacle, and neither is what a user calls occupancy."""
    assert len(Structure.of(Atoms("Cu", info={"occupancy": occupancy}))) == 1


def test_unchangeable() -> None:
    """A structure does not change when the arrays it was made of do, nor by its own."""
    positions = np.zeros((1, 3))
    structure = Structure([1], positions)
    positions[0, 0] = 5.0
    assert structure.positions[0, 0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        structure.positions[0, 0] = 1.0


def test_empty() -> None:
    """An empty structure can be made, so that the engine can say what is wrong with it."""
    assert len(Structure([], [])) == 0
    assert Structure([], []).positions.shape == (0, 3)


def test_copies() -> None:
    """A copy and what comes out of a pickle are the same, and as unchangeable."""
    structure = Structure([1, 1], [[0, 0, 0], [0, 0, 1]], np.eye(3), [True, False, True], 1.0, 2, "pair")
    for other in (copy.deepcopy(structure), pickle.loads(pickle.dumps(structure))):
        for name in ("numbers", "positions", "cell", "pbc"):
            np.testing.assert_array_equal(getattr(other, name), getattr(structure, name))
            assert not getattr(other, name).flags.writeable
        assert (other.charge, other.spin, other.id) == (1.0, 2, "pair")
