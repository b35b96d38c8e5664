"""Batches cut into chunks, and their answers joined again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from atomlens.client import Explanations, StreamSettings, Structure, Structures
from atomlens.client.batches import Batches
from atomlens.client.chunking import Chunk
from atomlens.client.ledger import Answered

SETTINGS = StreamSettings(chunk_atoms=4, chunk_seconds=1e9)


def batch(names: str) -> Structures:
    """Return structures of one atom with these ids."""
    return Structures.of([Structure([1], np.zeros((1, 3)), id=name) for name in names])


def names(structures: Structures) -> str:
    """Return the ids of structures."""
    return "".join(structures.ids)


def answer(batches: Batches, chunks: Iterator[Chunk]) -> list[str]:
    """Answer each chunk with itself and return the ids of the batches that are complete."""
    return [
        names(found.structures)
        for chunk in chunks
        for found in batches.settle(Answered(chunk, Explanations(chunk.structures)))
    ]


def test_small_batches_go_together() -> None:
    """Small batches share a message, and come back each on its own."""
    batches = Batches(SETTINGS)
    assert [*batches.enter(batch("ab"))] == []
    assert answer(batches, batches.enter(batch("cde"))) == ["ab", "cde"]


def test_large_batches_go_in_parts() -> None:
    """A large batch is sent in several messages, and comes back when all are answered."""
    batches = Batches(SETTINGS)
    chunks = list(batches.enter(batch("abcdefghijkl")))
    assert [names(chunk.structures) for chunk in chunks] == ["abcd", "efgh", "ijkl"]
    assert [answer(batches, iter([chunk])) for chunk in chunks] == [[], [], ["abcdefghijkl"]]


@pytest.mark.parametrize(
    "given",
    [["abc", "defghijklmn", "o", "", "pqrstuvw"], ["", "a", ""], ["", ""], [], ["abcd", "efgh"], ["ab"] * 9],
    ids=str,
)
def test_every_batch_once(given: list[str]) -> None:
    """Whatever the sizes of batches, each is answered once, in order, nothing for nothing."""
    batches, found = Batches(SETTINGS), []
    for one in given:
        found += answer(batches, batches.enter(batch(one)))
    found += answer(batches, batches.rest())
    found += [names(one.structures) for one in batches.end()]
    assert found == given
