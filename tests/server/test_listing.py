"""`atomlens.server.listing`: with real directories."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atomlens.server import listing
from atomlens.server.errors import UnreadableError
from atomlens.server.listing import Listing


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with two models."""
    for version in ("b/1", "a/2", "a/10"):
        directory = tmp_path / "models" / version
        directory.mkdir(parents=True)
        (directory / "card.json").write_text("{}")
        (directory / "atoms.onnx").write_text("graph")
    return tmp_path / "models"


def test_versions_are_found(root: Path) -> None:
    """By name, and of each model the highest first."""
    found = Listing.read(root)
    assert list(found.found) == [("a", 10), ("a", 2), ("b", 1)]
    assert found.names == {"a", "b"}
    assert {one.reason for one in found.found.values()} == {""}


def test_what_is_no_version_is_passed_over(root: Path) -> None:
    """Hidden directories, half-written versions, files, numbers written in other ways."""
    for name in (
        "a/.partial-1",
        "a/01",
        "a/0",
        "a/1.5",
        "a/" + "9" * 30,
        ".hidden/1",
        "lost+found/1",
        "-x/1",
    ):
        (root / name).mkdir(parents=True)
    (root / "a" / "3").write_text("no directory")
    (root / "README").write_text("no directory")
    assert list(Listing.read(root).found) == [("a", 10), ("a", 2), ("b", 1)]


def test_nothing_changes_where_nothing_is_touched(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no file is opened to tell."""

    def forbidden(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("builtins.open", forbidden)
    monkeypatch.setattr(os, "open", forbidden)
    assert Listing.read(root) == Listing.read(root)


def grow(path: Path) -> None:
    """Make a file longer."""
    with path.open("a") as file:
        file.write("more")


def same_size(path: Path) -> None:
    """Write other bytes of the same number, and the time of before."""
    times = path.stat()
    path.write_text("GRAPH")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def replace(path: Path) -> None:
    """Put another file in its place."""
    other = path.with_name("other")
    other.write_text("graph")
    other.rename(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "grown": grow,
    "written with the same size and time": same_size,
    "replaced": replace,
    "gone": Path.unlink,
    "joined by another": lambda path: path.with_name("probe.onnx").write_text("x"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_version_that_was_touched_is_told_apart(root: Path, change: str) -> None:
    """And no other with it."""
    before = Listing.read(root).found
    CHANGES[change](root / "a" / "2" / "atoms.onnx")
    after = Listing.read(root).found
    assert {key for key in before if before[key] != after[key]} == {("a", 2)}


def test_a_version_behind_links_changes_with_what_they_lead_to(root: Path) -> None:
    """As volumes do that switch a link called ..data."""
    version = root / "a" / "2"
    for data, content in (("..one", "graph"), ("..two", "grown graph")):
        (version / data).mkdir()
        (version / data / "atoms.onnx").write_text(content)
    (version / "atoms.onnx").unlink()
    (version / "..data").symlink_to("..one")
    (version / "atoms.onnx").symlink_to("..data/atoms.onnx")
    before = Listing.read(root).found["a", 2].identity
    (version / "..next").symlink_to("..two")
    (version / "..next").rename(version / "..data")
    assert Listing.read(root).found["a", 2].identity != before


def test_a_link_that_leads_nowhere_is_no_error_yet(root: Path) -> None:
    """Reading it will be."""
    (root / "a" / "2" / "probe.onnx").symlink_to("nowhere")
    found = Listing.read(root).found["a", 2]
    assert (found.reason, found.identity is None) == ("", False)


def test_versions_outside_the_repository_are_known_for_it(root: Path) -> None:
    """Behind a link of their own or of their model's."""
    shutil.move(root / "b", root.parent / "b")
    (root / "b").symlink_to("../b")
    (root / "a" / "3").symlink_to("../../b/1")
    found = Listing.read(root).found
    assert [found[key].reason for key in (("b", 1), ("a", 3))] == [
        "1: its link leads out of the repository",
        "3: its link leads out of the repository",
    ]


def test_a_directory_with_very_many_files_is_refused(root: Path) -> None:
    """Before they are all looked at."""
    for number in range(listing.MOST_FILES):
        (root / "b" / "1" / str(number)).touch()
    assert Listing.read(root).found["b", 1].reason == "1: may hold 100 files, and holds more"


def failing(path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system refuse to list a directory."""
    real: Any = getattr(os, name)

    def fail(given: Any = ".") -> Any:
        if Path(given) == path:
            raise OSError(116, "Stale file handle")
        return real(given)

    monkeypatch.setattr(os, name, fail)


def test_a_version_that_cannot_be_looked_at_is_reported(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is to be looked at again: it has no identity."""
    failing(root / "a" / "2", "scandir", monkeypatch)
    found = Listing.read(root).found
    assert (found["a", 2].identity, found["a", 2].reason) == (None, "2: cannot be read: Stale file handle")
    assert found["a", 10].reason == ""


def test_a_model_that_cannot_be_looked_at_is_reported(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are found."""
    failing(root / "a", "listdir", monkeypatch)
    found = Listing.read(root)
    assert found.unreadable == {"a": "Stale file handle"}
    assert list(found.found) == [("b", 1)]


def test_a_repository_that_cannot_be_looked_at_is_an_error(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its path and the reason of the system."""
    with pytest.raises(UnreadableError, match="nowhere: is no model repository: No such file"):
        Listing.read(root / "nowhere")
    failing(root, "listdir", monkeypatch)
    with pytest.raises(UnreadableError, match="models: is no model repository: Stale file handle"):
        Listing.read(root)
