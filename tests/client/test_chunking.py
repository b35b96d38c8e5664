"""Items gathered until they are worth a message."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.client import Failure, InputError, Structure, Structures
from atomlens.client.chunking import MAX_STRUCTURES, Chunk, Chunker, Item, chunks, cut


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


def test_failures_keep_their_places() -> None:
    """A chunk sends its structures, and puts the answers to them between its failures."""
    failures = [Failure(name, InputError("y")) for name in "ABC"]
    chunk = Chunk.of([failures[0], structure(2), failures[1], failures[2], structure(0)])
    assert chunk.structures.counts.tolist() == [2, 0]
    assert chunk.weight == 2 + 1 + 3
    answers = [Failure(name, InputError("z")) for name in "de"]
    assert "".join(outcome.id for outcome in chunk.outcomes(answers)) == "AdBCe"


def sizes(batch: Structures, atoms: int) -> list[list[int]]:
    """Return the atoms of each structure of each part."""
    return [part.counts.tolist() for part in cut(batch, atoms)]


@pytest.mark.parametrize(
    ("atoms", "expected"),
    [
        (1000, [[3, 4, 5, 20, 1, 1]]),
        (12, [[3, 4, 5], [20], [1, 1]]),
        (17, [[3, 4, 5, 20], [1, 1]]),
        (1, [[3], [4], [5], [20], [1], [1]]),
    ],
)
def test_cut(atoms: int, expected: list[list[int]]) -> None:
    """Parts have about so many atoms each, whole structures, and nothing is lost or turned around."""
    assert sizes(Structures.of([structure(n) for n in (3, 4, 5, 20, 1, 1)]), atoms) == expected


def test_cut_is_even() -> None:
    """A batch that is a bit larger than a message is not cut into a full one and a tiny one."""
    assert sizes(Structures.of([structure(10)] * 11), 100) == [[10] * 11]
    assert [len(part) for part in cut(Structures.of([structure(10)] * 16), 100)] == [8, 8]


def test_cut_by_structures() -> None:
    """Structures without atoms fill a message too."""
    empty = Structures.of([structure(0)] * (2 * MAX_STRUCTURES + 1))
    assert [len(part) for part in cut(empty, 1)] == [MAX_STRUCTURES, MAX_STRUCTURES, 1]
    assert list(cut(Structures.of([]), 1)) == []
