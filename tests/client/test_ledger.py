"""What has entered a stream and not yet left it."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.client import Explanations, Failure, InputError, InternalError, Structure, Structures
from atomlens.client.chunking import Chunk, Item
from atomlens.client.ledger import Ledger


def structure(atoms: int, name: str = "") -> Structure:
    """Return so many atoms."""
    return Structure(np.ones(atoms, np.int64), np.zeros((atoms, 3)), id=name)


def chunk(names: str) -> Chunk:
    """Return a chunk of structures of one atom with these ids, capitals for failures."""
    items: list[Item] = [
        Failure(name, InputError("x")) if name.isupper() else structure(1, name) for name in names
    ]
    return Chunk.of(items)


def settle(ledger: Ledger, *ids: int) -> str:
    """Answer ids, each structure with itself, and return the ids of what leaves."""
    ledger.settle(np.array(ids, np.int64), Explanations)
    return leave(ledger)


def leave(ledger: Ledger) -> str:
    """Return the ids of what leaves."""
    return "".join(outcome.id for answered in ledger.leave() for outcome in answered.outcomes())


def test_in_order() -> None:
    """In order, a chunk waits for those before it."""
    ledger = Ledger(100, ordered=True)
    assert [ledger.enter(chunk(names)).ids.tolist() for names in ("ab", "cd", "ef")] == [
        [0, 1],
        [2, 3],
        [4, 5],
    ]
    assert settle(ledger, 4, 5) == ""
    assert settle(ledger, 0, 1) == "ab"
    assert settle(ledger, 2, 3) == "cdef"
    assert ledger.is_empty


def test_as_completed() -> None:
    """Without order, answers leave as they come."""
    ledger = Ledger(100, ordered=False)
    for names in ("ab", "cd"):
        ledger.enter(chunk(names))
    assert settle(ledger, 2, 3) == "cd"
    assert not ledger.is_empty
    assert settle(ledger, 0, 1) == "ab"
    assert ledger.is_empty


@pytest.mark.parametrize("ordered", [True, False])
def test_parts_of_chunks(ordered: bool) -> None:
    """Answers may come for any parts of chunks, and find their structures."""
    ledger = Ledger(100, ordered)
    for names in ("abc", "de", "f"):
        ledger.enter(chunk(names))
    left = [settle(ledger, *ids) for ids in ((5, 1), (4, 2, 3), (0,))]
    assert left == (["", "", "abcdef"] if ordered else ["fb", "edc", "a"])
    assert ledger.is_empty


@pytest.mark.parametrize("ordered", [True, False])
def test_failures_need_no_answer(ordered: bool) -> None:
    """What failed before it was sent is not sent and keeps its place."""
    ledger = Ledger(100, ordered)
    assert ledger.enter(chunk("aXbY")).structures.ids == ("a", "b")
    assert leave(ledger) == ("" if ordered else "XY")
    assert settle(ledger, 0, 1) == ("aXbY" if ordered else "ab")


@pytest.mark.parametrize("ordered", [True, False])
def test_nothing_but_failures(ordered: bool) -> None:
    """A chunk of which nothing is sent leaves when its turn comes."""
    ledger = Ledger(100, ordered)
    ledger.enter(chunk("a"))
    assert len(ledger.enter(chunk("XY")).ids) == 0
    assert leave(ledger) == ("" if ordered else "XY")
    assert settle(ledger, 0) == ("aXY" if ordered else "a")
    assert ledger.is_empty


@pytest.mark.parametrize("ordered", [True, False])
def test_window(ordered: bool) -> None:
    """Room is counted in atoms, and comes back when answers leave, not when they come."""
    ledger = Ledger(10, ordered)
    ledger.enter(Chunk.of([structure(4), structure(5)]))
    assert ledger.has_room
    ledger.enter(Chunk.of([structure(0)]))
    assert not ledger.has_room
    ledger.settle(np.array([2]), Explanations)
    assert not ledger.has_room
    settle(ledger, 0, 1)
    assert ledger.has_room


def test_unanswered() -> None:
    """What is to be sent again is what has no answer, in order of entry."""
    ledger = Ledger(100, ordered=True)
    for names in ("abc", "de", "f"):
        ledger.enter(chunk(names))
    settle(ledger, 1)
    settle(ledger, 3, 4)
    again = [(sending.ids.tolist(), sending.structures.ids) for sending in ledger.unanswered]
    assert again == [([0, 2], ("a", "c")), ([5], ("f",))]
    assert settle(ledger, 0, 2) == "abcde"


@pytest.mark.parametrize(
    "ids", [[5], [-1], [0, 0], [1, 0, 2]], ids=["never sent", "none", "twice", "one too many"]
)
def test_strange_ids(ids: list[int]) -> None:
    """An answer to what was not asked is an internal error."""
    ledger = Ledger(100, ordered=True)
    ledger.enter(chunk("ab"))
    with pytest.raises(InternalError):
        settle(ledger, *ids)


def test_answered_before() -> None:
    """A second answer is an internal error."""
    ledger = Ledger(100, ordered=True)
    ledger.enter(chunk("ab"))
    settle(ledger, 1)
    with pytest.raises(InternalError, match="id 1, which waits for no answer"):
        settle(ledger, 1)


def test_nothing_answered() -> None:
    """An answer to nothing changes nothing."""
    ledger = Ledger(100, ordered=True)
    ledger.enter(chunk("a"))
    assert settle(ledger) == ""
    assert ledger.unanswered[0].structures.ids == ("a",)
    assert isinstance(ledger.unanswered[0].structures, Structures)
