"""`atomlens.server.stock`: with loads that tests decide the end of."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atomlens.server.catalog import Entry, State
from atomlens.server.listing import Found, Identity, Key, Listing
from atomlens.server.stock import REMOVED, VANISHED, Stock


class Loaded:
    """Stands in for a model."""

    def __init__(self, key: Key) -> None:
        self.name, self.version = key
        self.digest = f"digest of {self.name}@{self.version}"


class Shelf:
    """A stock and what lies on the disk; identities are words, and those with "bad" in them do not load."""

    def __init__(self, max_versions: int = 0) -> None:
        self.disk: dict[Key, str | None] = {}
        self.unreadable: dict[str, str] = {}
        self.loads: list[Key] = []
        self.published: list[dict[str, str]] = []
        self.stock = Stock([], max_versions, self._load, self._check, self._publish)

    def look(self, again: bool = False) -> str:
        """Have the stock follow the disk."""
        order = sorted(self.disk, key=lambda key: (key[0], -key[1]))
        found = {key: Found(Path(key[0], str(key[1])), self._identity(key)) for key in order}
        return self.stock.follow(Listing(found, self.unreadable), again)

    @property
    def states(self) -> dict[str, str]:
        """The states published last."""
        return self.published[-1]

    def _identity(self, key: Key) -> Identity | None:
        word = self.disk[key]
        return None if word is None else (word,)

    def _load(self, found: Found) -> Entry:
        self.loads.append(found.key)
        word = self.disk[found.key] or "bad"
        if "bad" in word:
            return Entry(*found.key, State.FAILED, word, identity=found.identity)
        model: Any = Loaded(found.key)
        return Entry.ready(model, found.identity)

    def _check(self, known: Entry, found: Found) -> Entry:
        return known if known.identity == found.identity else replace(known, reason="changed")

    def _publish(self, entries: Iterable[Entry]) -> None:
        self.published.append({str(entry): entry.state.value for entry in entries})


@pytest.fixture
def shelf() -> Shelf:
    """Two models that are loaded."""
    shelf = Shelf()
    shelf.disk = {("a", 1): "x", ("a", 2): "x", ("b", 1): "x"}
    assert shelf.look() == ""
    return shelf


def test_the_highest_versions_are_loaded_first(shelf: Shelf) -> None:
    """And each serves as soon as it can, while the next is loaded."""
    assert shelf.loads == [("a", 2), ("a", 1), ("b", 1)]
    assert shelf.published[:4] == [
        {"a@2": "loading"},
        {"a@2": "ready"},
        {"a@2": "ready", "a@1": "loading"},
        {"a@2": "ready", "a@1": "ready"},
    ]


def test_nothing_is_loaded_or_published_where_nothing_changes(shelf: Shelf) -> None:
    """However often it is looked at."""
    before = len(shelf.published)
    shelf.look()
    shelf.look(again=True)
    assert (len(shelf.loads), len(shelf.published)) == (3, before)


def test_a_new_version_is_loaded_before_an_old_one_is_let_go(shelf: Shelf) -> None:
    """Though one look found both changes."""
    shelf.disk[("a", 3)] = "x"
    del shelf.disk[("a", 1)], shelf.disk[("a", 2)]
    shelf.published.clear()
    shelf.look()
    assert [states.keys() for states in shelf.published[:2]] == [{"a@1", "a@2", "a@3", "b@1"}] * 2
    assert shelf.states == {"a@3": "ready", "b@1": "ready"}


def test_what_failed_is_tried_again_when_its_files_change(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    """Or when it is asked for; the same reason is logged once."""
    shelf.disk[("a", 3)] = "bad"
    for _ in range(3):
        shelf.look()
    assert shelf.loads.count(("a", 3)) == 1
    shelf.look(again=True)
    assert shelf.loads.count(("a", 3)) == 2
    shelf.disk[("a", 3)] = "also bad"
    shelf.look()
    errors = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert errors == ["a@3 is not served: bad", "a@3 is not served: also bad"]
    shelf.disk[("a", 3)] = "x"
    shelf.look()
    assert shelf.states["a@3"] == "ready"


def test_what_cannot_be_told_apart_is_tried_at_every_look(shelf: Shelf) -> None:
    """A disk that gave an error may have come back."""
    shelf.disk[("a", 3)] = None
    for _ in range(3):
        shelf.look()
    assert shelf.loads.count(("a", 3)) == 3


def test_a_version_that_is_gone_drains_until_nothing_uses_it(shelf: Shelf) -> None:
    """Its memory is then free, which is told once."""
    (held,) = (entry.model for entry in shelf.stock._entries.values() if entry.key == ("a", 2))
    del shelf.disk[("a", 2)]
    shelf.look()
    assert shelf.states == {"a@1": "ready", "b@1": "ready"}
    assert [(str(one), one.state, one.digest) for one in shelf.stock.draining] == [
        ("a@2", State.DRAINING, "digest of a@2")
    ]
    assert shelf.stock.forgotten() == []
    del held
    gc.collect()
    assert shelf.stock.draining == ()
    assert [str(one) for one in shelf.stock.forgotten()] == ["a@2"]
    assert shelf.stock.forgotten() == []


def test_a_model_that_is_gone_drains(shelf: Shelf) -> None:
    """With all its versions; failed ones are forgotten."""
    shelf.disk = {("a", 1): "x", ("a", 4): "bad"}
    shelf.look()
    assert shelf.states == {"a@1": "ready", "a@4": "failed"}
    shelf.disk = {("c", 1): "x"}
    shelf.look()
    assert shelf.states == {"c@1": "ready"}


def test_the_last_that_serves_stays_while_only_broken_versions_are_left(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    """As when somebody clears the place first and copies later; it goes when another can serve."""
    del shelf.disk[("a", 1)], shelf.disk[("a", 2)]
    shelf.disk[("a", 3)] = "bad"
    for _ in range(2):
        shelf.look()
    assert shelf.states == {"a@1": "ready", "a@2": "ready", "a@3": "failed", "b@1": "ready"}
    assert [one.reason for one in shelf.stock._entries.values() if one.name == "a"].count(REMOVED) == 2
    assert caplog.text.count(f"a@2 serves: {REMOVED}") == 1
    shelf.disk[("a", 3)] = "x"
    shelf.look()
    assert shelf.states == {"a@3": "ready", "b@1": "ready"}


def test_an_empty_repository_is_taken_for_a_volume_that_is_not_there(shelf: Shelf) -> None:
    """Everything serves on; a repository that never had anything is just empty."""
    shelf.disk = {}
    assert shelf.look() == VANISHED
    assert shelf.states == {"a@1": "ready", "a@2": "ready", "b@1": "ready"}
    assert Shelf().look() == ""


def test_a_model_that_cannot_be_looked_at_serves_on(shelf: Shelf) -> None:
    """The others are followed."""
    shelf.disk = {("b", 2): "x"}
    shelf.unreadable = {"a": "Stale file handle"}
    assert shelf.look() == "a: cannot be read: Stale file handle"
    assert shelf.states == {"a@1": "ready", "a@2": "ready", "b@2": "ready"}


def test_only_so_many_versions_are_loaded() -> None:
    """The highest that can be: a broken one does not count. What they push out drains."""
    shelf = Shelf(max_versions=2)
    shelf.disk = {("a", 1): "x", ("a", 2): "x", ("a", 3): "bad", ("a", 4): "x"}
    shelf.look()
    assert shelf.states == {"a@4": "ready", "a@3": "failed", "a@2": "ready", "a@1": "set aside"}
    assert ("a", 1) not in shelf.loads
    shelf.disk[("a", 5)] = "x"
    shelf.look()
    assert (shelf.states["a@5"], shelf.states["a@4"], shelf.states["a@2"]) == ("ready", "ready", "set aside")
    assert [str(entry) for entry in shelf.stock.forgotten()] == ["a@2"]
    del shelf.disk[("a", 5)]
    shelf.look()
    assert (shelf.states["a@4"], shelf.states["a@2"]) == ("ready", "ready")


def test_a_version_that_changed_serves_on(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    """With the reason, which is logged."""
    shelf.disk[("a", 2)] = "y"
    shelf.look()
    shelf.look()
    assert shelf.states["a@2"] == "ready"
    assert caplog.text.count("a@2 serves: changed") == 1


def test_who_leaves_loads_nothing_more(shelf: Shelf) -> None:
    """And lets nothing go."""
    shelf.stock.leave()
    shelf.disk = {("c", 1): "x"}
    assert shelf.look() == ""
    assert shelf.states == {"a@1": "ready", "a@2": "ready", "b@1": "ready"}
