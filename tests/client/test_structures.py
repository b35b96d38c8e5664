"""Ragged batches of structures."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from atomlens.client import InputError, Structure, Structures
from atomlens.client.message_size import MAX_ATOMS

from .conftest import SALT, WATER

ION = Structure([1], [[1.0, 2.0, 3.0]], charge=1.0, spin=2, id="proton")
NOTHING = Structure([], np.zeros((0, 3)))
FLAT = {"numbers": [1], "positions": [[0.0, 0.0]]}
HUGE = (np.ones(MAX_ATOMS + 1, np.uint8), np.zeros((MAX_ATOMS + 1, 3)))
ALL = [WATER, SALT, NOTHING, ION]
BATCH = Structures.of(ALL)
ARRAYS = ("counts", "numbers", "positions", "cells", "pbc", "charges", "spins", "offsets")
GOOD: dict[str, Any] = {"counts": [1, 2], "numbers": [8, 1, 1], "positions": np.zeros((3, 3))}


def same(one: Structure, other: Structure) -> bool:
    """Whether two structures have the same fields."""
    cells = [None if value.cell is None else value.cell.tolist() for value in (one, other)]
    whole = [(value.charge, value.spin, value.id, value.pbc.tolist()) for value in (one, other)]
    return (
        one.numbers.tolist() == other.numbers.tolist()
        and one.positions.tolist() == other.positions.tolist()
        and cells[0] == cells[1]
        and whole[0] == whole[1]
    )


def all_same(batch: Structures, structures: list[Structure]) -> bool:
    """Whether a batch is made of these structures."""
    return len(batch) == len(structures) and all(map(same, batch, structures))


def test_flat() -> None:
    """Atoms lie one after another; what no structure has is None, what some have is 0 for the others."""
    assert BATCH.counts.tolist() == [3, 2, 0, 1]
    assert BATCH.offsets.tolist() == [0, 3, 5, 5, 6]
    assert BATCH.numbers.tolist() == [8, 1, 1, 11, 17, 1]
    assert BATCH.positions.tolist() == [*WATER.positions.tolist(), *SALT.positions.tolist(), [1.0, 2.0, 3.0]]
    assert (BATCH.cells is not None, BATCH.pbc is not None) == (True, True)
    assert BATCH.charges is not None
    assert BATCH.charges.tolist() == [0.0, 0.0, 0.0, 1.0]
    assert BATCH.spins is not None
    assert BATCH.spins.tolist() == [0, 0, 0, 2]
    assert BATCH.ids == ("water.xyz@0", "NaCl.cif@0", "", "proton")
    plain = Structures.of([(WATER.numbers, WATER.positions)])
    assert (plain.cells, plain.pbc, plain.charges, plain.spins, plain.ids) == (None, None, None, None, ())


def test_there_and_back() -> None:
    """What goes into a batch comes out of it, by iteration and by index."""
    assert all_same(BATCH, ALL)
    assert all(same(BATCH[index], ALL[index]) for index in (0, 1, 2, 3, -1, -4))
    for index in (4, -5):
        with pytest.raises(IndexError):
            BATCH[index]


@pytest.mark.parametrize(
    "part",
    [slice(None), slice(1, 3), slice(3, 1), slice(2, 99), slice(None, None, -1), slice(0, 4, 2)],
    ids=str,
)
def test_slices(part: slice) -> None:
    """A slice of a batch is the batch of the slice."""
    assert all_same(BATCH[part], ALL[part])


def test_slices_are_views() -> None:
    """A run of structures costs no copy of their atoms."""
    assert np.shares_memory(BATCH[1:3].positions, BATCH.positions)


def test_take() -> None:
    """Structures are taken in any order, and as often as asked for."""
    assert all_same(BATCH.take(np.array([3, 0, 0])), [ION, WATER, WATER])
    assert all_same(BATCH.take(np.array([], np.int64)), [])


@pytest.mark.parametrize("cuts", [(), (2,), (0, 1, 1, 3)])
def test_concatenate(cuts: tuple[int, ...]) -> None:
    """Parts make the whole, whatever each of them lacks."""
    bounds = [0, *cuts, len(BATCH)]
    parts = [Structures.of(ALL[start:stop]) for start, stop in pairwise(bounds)]
    assert all_same(Structures.concatenate(parts), ALL)


def test_nothing() -> None:
    """A batch may be empty."""
    for empty in (Structures.of([]), Structures.concatenate([]), Structures([], [], []), BATCH[2:2]):
        assert (len(empty), len(empty.numbers), empty.positions.shape, list(empty)) == (0, 0, (0, 3), [])


def test_of_a_batch() -> None:
    """A batch is a batch already."""
    assert Structures.of(BATCH) is BATCH


@pytest.mark.parametrize(
    ("values", "message", "field"),
    [
        ([WATER, FLAT], "`structures[1]`: `positions` must be (atoms, 3)", "structures[1].positions"),
        ([WATER, 7], "`structures[1]`: `structure` must be ase.Atoms", "structures[1].structure"),
        (Atoms("H"), "`structures` must be an iterable of structures, got Atoms", "structures"),
        ({"numbers": [1]}, "`structures` must be an iterable of structures, got dict", "structures"),
        ("file.npz", "`structures` must be an iterable of structures, got str", "structures"),
        (5, "`structures` must be an iterable of structures, got int", "structures"),
        ([WATER, HUGE], "to fit into a message", "positions"),
    ],
    ids=["shape", "type", "atoms", "mapping", "path", "number", "size"],
)  # fmt: skip
def test_bad_structures(values: Any, message: str, field: str) -> None:
    """What is no structure is named by its place and its field."""
    with pytest.raises(InputError) as caught:
        Structures.of(values)
    assert message in str(caught.value)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"counts": [[1, 2]]}, "`counts` must be (structures,), got (1, 2)"),
        ({"counts": [1.0, 2.0]}, "`counts` must be integers, got float64"),
        ({"counts": [4, -1]}, "`counts` must be whole numbers from 0 to 2147483647, got -1"),
        ({"counts": [1, 1]}, "`numbers` must have a row for each of 2 atoms in `counts`, got 3"),
        ({"numbers": [8, 1, 0]}, "`numbers` must be atomic numbers from 1 to 118, got 0"),
        ({"positions": np.zeros((2, 3))}, "`positions` must have a row for each of 3 atoms in `counts`, got 2"),  # noqa: E501
        ({"positions": np.zeros((3, 2))}, "`positions` must be (atoms, 3), got (3, 2)"),
        ({"cells": np.eye(3)}, "`cells` must be (structures, 3, 3), (2, 3, 3), got (3, 3)"),
        ({"pbc": [True, False]}, "`pbc` must be (3,) or (structures, 3) of 2 structures, got (2,)"),
        ({"charges": 0.5}, "`charges` must be (structures,), (2,), got ()"),
        ({"charges": ["a", "b"]}, "`charges` must be numbers, got <U1"),
        ({"spins": [1]}, "`spins` must be (structures,), (2,), got (1,)"),
        ({"spins": [1, -1]}, "`spins` must be whole numbers from 0 to 2147483647, got -1"),
        ({"ids": ["a"]}, "`ids` must be none or one for each of 2 structures, got 1"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_bad_arrays(fields: dict[str, Any], message: str) -> None:
    """Arrays that make no batch are refused by name, with the rule and what came."""
    with pytest.raises(InputError) as caught:
        Structures(**(GOOD | fields))
    assert str(caught.value) == message
    assert f"`{caught.value.field}`" in message


def test_arrays() -> None:
    """Arrays are copied, in the dtypes of the wire; a single `pbc` is that of all structures."""
    positions = np.zeros((3, 3), np.float32)
    batch = Structures([1, 2], np.array([8, 1, 1]), positions, np.stack([np.eye(3)] * 2), [True, True, False])
    positions[0] = 1.0
    assert not batch.positions.any()
    assert batch.pbc is not None
    assert batch.pbc.tolist() == [[True, True, False]] * 2
    assert [getattr(BATCH, name).dtype.str[1:] for name in ARRAYS] == [
        "i8",
        "u1",
        "f8",
        "f8",
        "b1",
        "f8",
        "i8",
        "i8",
    ]


def test_zeros_are_nothing() -> None:
    """Arrays that say of no structure anything are as good as none."""
    batch = Structures(**GOOD, cells=np.zeros((2, 3, 3)), pbc=False, charges=[0, 0], spins=[0, 0])
    assert (batch.cells, batch.pbc, batch.charges, batch.spins) == (None, None, None, None)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies(copied: Callable[[Structures], Structures]) -> None:
    """What comes out of a copy or a pickle is the same, and as unchangeable."""
    other = copied(BATCH)
    assert all_same(other, ALL)
    for batch in (BATCH, other, BATCH[1:], BATCH.take(np.array([0])), Structures.concatenate([BATCH, BATCH])):
        assert not any(
            getattr(batch, name).flags.writeable for name in ARRAYS if getattr(batch, name) is not None
        )
        assert not batch[0].positions.flags.writeable


def test_repr() -> None:
    """The short form says how much there is."""
    assert repr(BATCH) == "<Structures: 4 of 6 atoms>"
