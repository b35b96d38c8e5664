"""Items gathered until they are worth a message."""

from __future__ import annotations

import numpy as np

from atomlens.client import Failure, InputError, Structure
from atomlens.client.chunking import MAX_STRUCTURES, Chunker, Item, chunks


def structure(atoms: int) -> Structure:
    """Return so many atoms."""
    return Structure(np.ones(atoms, np.int64), np.zeros((atoms, 3)))


def test_by_atoms() -> None:
    """A chunk is complete with the structure that fills it; nothing is lost or turned around."""
    items: list[Item] = [structure(n) for n in (3, 4, 5, 20, 1, 1)]
    items.insert(1, Failure("x", InputError("y")))
    found = list(chunks(items, Chunker(8)))
    assert [item for chunk in found for item in chunk] == items
    assert [len(chunk) for chunk in found] == [3, 2, 2]


def test_by_structures() -> None:
    """Structures without atoms fill a message too."""
    sizes = [len(chunk) for chunk in chunks([structure(0)] * (MAX_STRUCTURES + 1), Chunker(10**9))]
    assert sizes == [MAX_STRUCTURES, 1]


def test_by_time() -> None:
    """When items come slowly, none waits for others."""
    assert [len(chunk) for chunk in chunks([structure(1)] * 3, Chunker(100, seconds=0.0))] == [1, 1, 1]


def test_nothing() -> None:
    """Of nothing there is no chunk."""
    assert list(chunks([], Chunker(1))) == []
