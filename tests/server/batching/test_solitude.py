"""`atomlens.server.batching.solitude`."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from atomlens.server.batching.solitude import Solitude


def test_who_wants_to_be_alone_waits_for_the_others_and_they_for_it() -> None:
    """Nobody begins meanwhile; afterwards they go on side by side."""
    solitude, events = Solitude(), []
    working, wanted, finish = threading.Event(), threading.Event(), threading.Event()

    def other() -> None:
        with solitude.beside():
            working.set()
            assert finish.wait(30)
            events.append("the other ends")

    def large() -> None:
        with solitude.beside():
            assert working.wait(30)
            wanted.set()
            with solitude.alone():
                events.append("alone")
            events.append("side by side")

    def late() -> None:
        with solitude.beside():
            events.append("late")

    with ThreadPoolExecutor(3) as pool:
        pool.submit(other)
        alone = pool.submit(large)
        assert wanted.wait(30)
        while not solitude._wanting:
            pass
        begun = pool.submit(late)
        finish.set()
        alone.result(30)
        begun.result(30)
    assert events[:2] == ["the other ends", "alone"]
    assert set(events[2:]) == {"side by side", "late"}


def test_many_that_want_it_take_turns() -> None:
    """However many at once, never two of them are alone."""
    solitude, together, most = Solitude(), [0], [0]

    def large() -> None:
        for _ in range(200):
            with solitude.beside(), solitude.alone():
                together[0] += 1
                most[0] = max(most[0], together[0])
                together[0] -= 1

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(large) for _ in range(4)]:
            done.result(60)
    assert most == [1]


def test_what_fails_alone_leaves_room_for_others() -> None:
    """The lock is let go however its block ends."""
    solitude = Solitude()
    with pytest.raises(MemoryError), solitude.beside(), solitude.alone():
        raise MemoryError
    with solitude.beside():
        pass
