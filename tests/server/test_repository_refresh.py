"""`atomlens.server.repository`: what a look makes of a directory that changes."""

from __future__ import annotations

import gc
import os
import shutil
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from atomlens.server import bundle
from atomlens.server.bundle import ATOMS, CARD
from atomlens.server.bundle_file import read_file
from atomlens.server.errors import UnknownModelError, UnusableModelError
from atomlens.server.model import Model
from atomlens.server.repository import Repository
from atomlens.server.session import ProviderError
from atomlens.server.structures import Structures

from .published import Published
from .test_state_report import Heard

NAME = "toy-bpnn-energy"
WATER = Structures.molecules([3], [8, 1, 1], [[0.0, 0.0, 0.12], [0.0, 0.76, -0.48], [0.0, -0.76, -0.48]])


@pytest.fixture
def published(toy_repository: Path, tmp_path: Path) -> Published:
    """A repository with version 1 of a model."""
    published = Published(toy_repository, tmp_path / "models")
    published.publish(1)
    return published


def states(repository: Repository) -> dict[str, str]:
    """Return the state of every version."""
    return {str(entry): entry.state.value for entry in repository.entries}


def test_a_version_that_is_published_serves_after_the_next_look(published: Published) -> None:
    """Under the name alone, too; whoever holds the old one keeps it."""
    repository = Repository.open(published.root)
    old = repository.find(published.name)
    published.publish(2)
    assert repository.find(published.name) is old
    repository.refresh()
    assert states(repository) == {f"{published.name}@1": "ready", f"{published.name}@2": "ready"}
    new = repository.find(published.name)
    assert (new.version, new.bundle.card.heads[0].offsets[8], old.bundle.card.heads[0].offsets[8]) == (
        2,
        2,
        1,
    )


def test_nothing_is_read_where_nothing_changed(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what serves nor what failed: a look is directories alone."""
    published.publish(2, contract=7)
    repository = Repository.open(published.root)
    models = repository.models

    def forbidden(*_: Any) -> bytes:
        raise AssertionError

    monkeypatch.setattr(bundle, "read_file", forbidden)
    repository.refresh()
    assert repository.models == models
    with monkeypatch.context() as allowed:
        allowed.setattr(bundle, "read_file", read_file)
        repository.refresh(again=True)
    assert repository.failed[0].reason == "card.json: `contract` must be 1, got 7"


def test_a_version_that_is_copied_in_place_fails_until_it_is_whole(published: Published) -> None:
    """Whatever is missing at each look."""
    repository = Repository.open(published.root)
    whole = published.write(published.root / "whole", 2)
    target = published.path(2)
    target.mkdir()
    reasons = []
    for file in sorted(whole.iterdir()):  # atoms.onnx, card.json, ...
        content = file.read_bytes()
        for part in (content[: len(content) // 2], content):
            (target / file.name).write_bytes(part)
            repository.refresh()
            reasons += [entry.reason for entry in repository.failed]
            assert repository.find(published.name).version == (1 if repository.failed else 2)
    assert repository.failed == ()
    assert reasons[0] == "card.json: cannot be read: No such file or directory"
    assert reasons[-1].endswith("its SHA-256 differs from the one on the card")


def test_a_version_that_is_changed_in_place_serves_on_as_it_was(published: Published) -> None:
    """Which is reported until its files are what they were."""
    repository = Repository.open(published.root)
    model = repository.find(published.name)
    card = published.path(1) / CARD
    before = card.read_bytes()
    graph = published.path(1) / ATOMS
    for path, content, reason in (
        (card, before.replace(b'"1": 1.0', b'"1": 7.0'), "card.json: its SHA-256 is another"),
        (graph, b"", "atoms.onnx: its SHA-256 differs from the one on the card"),
    ):
        real = path.read_bytes()
        path.write_bytes(content)
        repository.refresh()
        assert repository.find(published.name) is model
        (entry,) = repository.entries
        assert (entry.state.value, entry.reason) == (
            "ready",
            f"its files on the disk are not those that were loaded: {reason}",
        )
        path.write_bytes(real)
        repository.refresh()
        assert repository.entries[0].reason == ""
    shutil.rmtree(published.path(1))
    published.publish(2)
    repository.refresh()
    assert states(repository)[f"{published.name}@2"] == "ready"


def test_a_version_that_is_removed_drains_and_its_memory_is_freed(published: Published) -> None:
    """With the last that holds it: sessions and all, without a collection of garbage."""
    published.publish(2)
    repository = Repository.open(published.root)
    forgotten: list[str] = []
    repository.when_gone(forgotten.append)
    held = repository.find(f"{published.name}@1")
    digest, session = held.digest, weakref.ref(held._session._session._session)
    published.remove(1)
    repository.refresh()
    with pytest.raises(UnknownModelError):
        repository.find(f"{published.name}@1")
    assert states(repository) == {f"{published.name}@1": "draining", f"{published.name}@2": "ready"}
    assert held.run(held.prepare(WATER))["energy"].shape == (3,)
    gc.disable()
    try:
        del held
        assert session() is None
    finally:
        gc.enable()
    assert (states(repository), forgotten) == ({f"{published.name}@2": "ready"}, [])
    repository.refresh()
    assert forgotten == [digest]


def test_the_same_bundle_under_another_version_is_not_forgotten(published: Published) -> None:
    """What was kept of it is kept."""
    shutil.copytree(published.path(1), published.path(2))
    repository = Repository.open(published.root)
    forgotten: list[str] = []
    repository.when_gone(forgotten.append)
    published.remove(1)
    repository.refresh()
    assert (states(repository), forgotten) == ({f"{published.name}@2": "ready"}, [])


@pytest.mark.parametrize("trouble", ["gone", "empty", "a file"])
def test_a_repository_that_vanishes_for_a_while_serves_on(
    published: Published, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As volumes do; what is wrong is logged once, and so is its end."""
    repository = Repository.open(published.root)
    model, seen = repository.find(published.name), repository._seen
    away = published.root.rename(published.root.with_name("away"))
    if trouble == "empty":
        published.root.mkdir()
    elif trouble == "a file":
        published.root.touch()
    for _ in range(2):
        repository.refresh()
        assert (repository.find(published.name), repository._seen) == (model, seen)
    wrong = {"gone": "No such file", "empty": "has no model any more", "a file": "Not a directory"}[trouble]
    assert wrong in repository.trouble
    assert caplog.text.count(wrong) == 1
    if trouble == "empty":
        published.root.rmdir()
    elif trouble == "a file":
        published.root.unlink()
    away.rename(published.root)
    published.publish(2)
    with caplog.at_level("INFO"):
        repository.refresh()
    assert (repository.trouble, repository.find(published.name).version) == ("", 2)
    assert repository._seen > seen
    assert repository.unseen_seconds >= 0
    assert f"{published.root}: can be read again" in caplog.text


def test_a_disk_that_gives_an_error_is_tried_again(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every look, though no file changed."""
    repository = Repository.open(published.root)
    published.publish(2)
    real = os.open

    def fail(path: Any, *rest: Any) -> int:
        if Path(path).name == ATOMS:
            raise OSError(5, "Input/output error")
        return real(path, *rest)

    with monkeypatch.context() as broken:
        broken.setattr(os, "open", fail)
        repository.refresh()
        assert [entry.reason for entry in repository.failed] == [
            "atoms.onnx: cannot be read: Input/output error"
        ]
    assert repository.find(published.name).version == 1
    repository.refresh()
    assert repository.find(published.name).version == 2


def test_whatever_a_bundle_does_the_others_serve(
    published: Published, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Errors that nobody thought of are logged with their trace."""
    repository = Repository.open(published.root)
    published.publish(2)

    def fail(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(Model, "load", fail)
    repository.refresh()
    assert repository.failed[0].reason == "loading it failed: MemoryError"
    assert repository.find(published.name).version == 1
    assert "Traceback" in caplog.text


def test_whatever_a_changed_bundle_does_the_others_are_looked_at(
    published: Published, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It serves on as it was and is checked at every look, until it can be told what is wrong with it."""
    published.publish(3)
    repository = Repository.open(published.root)
    (published.path(3) / CARD).write_bytes((published.path(3) / CARD).read_bytes() + b" ")
    published.publish(2)

    def fail(*_: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("atomlens.server.repository.Bundle", SimpleNamespace(load=fail))
        for _ in range(2):
            repository.refresh()
    assert repository.find(published.name).version == 3
    assert [entry.reason for entry in repository.entries] == [
        "",
        "",
        "checking its files failed: MemoryError",
    ]
    assert [entry.state.value for entry in repository.entries] == ["ready"] * 3
    assert caplog.text.count("Traceback") == 1
    repository.refresh()
    assert "its SHA-256 is another" in repository.entries[-1].reason


def test_only_so_many_versions_are_loaded(published: Published) -> None:
    """The others are known and not served."""
    published.publish(2)
    published.publish(3)
    repository = Repository.open(published.root, max_versions=2)
    assert list(states(repository).values()) == ["set aside", "ready", "ready"]
    with pytest.raises(UnusableModelError, match="is set aside: only higher versions are loaded"):
        repository.find(f"{published.name}@1")


def test_a_file_that_is_too_large_is_refused(published: Published) -> None:
    """By the limit that is set."""
    with (published.path(1) / ATOMS).open("ab") as file:
        file.truncate(3 * 2**20)
    repository = Repository.open(published.root, max_graph_mib=2)
    assert repository.failed[0].reason == "atoms.onnx: may be 2 MiB, got 3.0"


def test_looks_from_several_threads_take_turns(published: Published) -> None:
    """And load a version once."""
    repository = Repository.open(published.root)
    published.publish(2)
    heard = Heard()
    repository.report_to(heard)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: repository.refresh(), range(8)))
    assert heard.told == [
        (published.name, 1, "ready"),
        (published.name, 2, "loading"),
        (True,),
        (published.name, 2, "ready"),
    ]


def test_a_provider_that_is_lost_fails_the_version_alone(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the start, at which it is an error."""
    repository = Repository.open(published.root)
    published.publish(2)

    def fail(*_: Any) -> None:
        raise ProviderError("gone")

    monkeypatch.setattr(Model, "load", fail)
    repository.refresh()
    assert repository.failed[0].reason == "the provider cpu is not to be had"
    with pytest.raises(ProviderError):
        Repository.open(published.root)
