"""Everything a client takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from atomlens.client import Failure, InputError, Structure
from atomlens.client.inputs import read_all, read_one

if TYPE_CHECKING:
    from ase import Atoms


def test_ids(molecules: list[Atoms], molecule_file: Path) -> None:
    """Structures of files keep their ids, others get their index among all."""
    named = Structure([1], [[0, 0, 0]], id="mine")
    found = list(read_all([molecules[0], f"{molecule_file}@2:4", named, ([], [])]))
    assert [item.id for item in found] == ["0", f"{molecule_file}@2", f"{molecule_file}@3", "mine", "4"]


def test_failures_in_the_middle(tmp_path: Path) -> None:
    """What cannot be read is a failure in its place."""
    first, bad, missing, last = read_all([([1], [[0, 0, 0]]), 7, tmp_path / "none.xyz", ([1], [[0, 0, 0]])])  # type: ignore[list-item]
    assert isinstance(bad, Failure)
    assert isinstance(missing, Failure)
    assert (first.id, bad.id, missing.id, last.id) == ("0", "1", str(tmp_path / "none.xyz"), "3")


def test_too_large() -> None:
    """A structure that no message can hold fails alone, before it is sent."""
    large = Structure(np.ones(600_000, np.int64), np.zeros((600_000, 3)))
    with pytest.raises(InputError):
        read_one(large)
    (failure,) = read_all([large])
    assert isinstance(failure, Failure)
    assert failure.error.reason == "MESSAGE_TOO_LARGE"


def test_lazy() -> None:
    """No more is taken than is asked for."""
    taken: list[int] = []

    def endless() -> object:
        while True:
            taken.append(1)
            yield ([1], [[0, 0, 0]])

    found = read_all(endless())  # type: ignore[arg-type]
    next(found)
    next(found)
    assert len(taken) == 2
