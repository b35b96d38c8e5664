"""What has entered a stream and not yet left it."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.client import Failure, InputError, InternalError, Structure
from atomlens.client.ledger import Ledger


def structure(atoms: int, name: str = "") -> Structure:
    """Return so many atoms."""
    return Structure(np.ones(atoms, np.int64), np.zeros((atoms, 3)), id=name)


def failure(name: str) -> Failure:
    """Return a failure that stands for an answer."""
    return Failure(name, InputError("x"))


def settle(ledger: Ledger, *ids: int) -> list[str]:
    """Answer ids and return what leaves."""
    ledger.settle(ids, [failure(str(id_)) for id_ in ids])
    return [outcome.id for outcome in ledger.leave()]


def test_in_order() -> None:
    """In order, an answer waits for those before it."""
    ledger = Ledger(100, ordered=True)
    ledger.enter([structure(1), structure(1), structure(1)])
    assert settle(ledger, 2) == []
    assert settle(ledger, 0) == ["0"]
    assert settle(ledger, 1) == ["1", "2"]
    assert ledger.is_empty


def test_as_completed() -> None:
    """Without order, answers leave as they come."""
    ledger = Ledger(100, ordered=False)
    ledger.enter([structure(1), structure(1), structure(1)])
    assert settle(ledger, 2) == ["2"]
    assert settle(ledger, 1, 0) == ["1", "0"]
    assert ledger.is_empty


@pytest.mark.parametrize("ordered", [True, False])
def test_failures_need_no_answer(ordered: bool) -> None:
    """What failed before it was sent is not sent and keeps its place."""
    ledger = Ledger(100, ordered)
    sent = ledger.enter([structure(2), failure("unread"), structure(3)])
    assert [len(entry.structure) for entry in sent] == [2, 3]
    early = [outcome.id for outcome in ledger.leave()]
    assert early == ([] if ordered else ["unread"])
    assert early + settle(ledger, 1, 0) == (["0", "unread", "1"] if ordered else ["unread", "1", "0"])


def test_window() -> None:
    """Room is counted in atoms, and comes back when answers leave, not when they come."""
    ledger = Ledger(10, ordered=True)
    ledger.enter([structure(4), structure(5)])
    assert ledger.has_room
    ledger.enter([structure(0)])
    assert not ledger.has_room
    ledger.settle([1], [failure("1")])
    assert not ledger.has_room
    settle(ledger, 0)
    assert ledger.has_room


def test_unanswered() -> None:
    """What is to be sent again is what has no answer, in order of entry."""
    ledger = Ledger(100, ordered=True)
    ledger.enter([structure(1, name) for name in "abcd"])
    settle(ledger, 1)
    assert [entry.structure.id for entry in ledger.unanswered] == ["a", "c", "d"]


@pytest.mark.parametrize("ids", [[5], [0, 0]], ids=["never sent", "twice"])
def test_strange_ids(ids: list[int]) -> None:
    """An answer to what was not asked is an internal error."""
    ledger = Ledger(100, ordered=True)
    ledger.enter([structure(1)])
    with pytest.raises(InternalError):
        ledger.structures(ids)
