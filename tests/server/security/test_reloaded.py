"""`atomlens.server.security.reloaded`."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from atomlens.server.security.reloaded import Contents, Reloaded


def number(contents: Contents) -> int:
    """Return the sum of the numbers in files."""
    return sum(map(int, contents))


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    """Two files with a number each."""
    found = {"first": tmp_path / "a", "second": tmp_path / "b"}
    for path in found.values():
        path.write_text("1")
    return found


def test_what_changes_is_read_again(paths: dict[str, Path]) -> None:
    """The value is a new one after any of the files changed, and the same one else."""
    sums = Reloaded(paths, number)
    assert sums.value == 2
    assert not sums.refresh()
    paths["second"].write_text("4")
    assert sums.refresh()
    assert sums.value == 5
    assert not sums.refresh()


@pytest.mark.parametrize("broken", ["two", None])
def test_what_is_broken_leaves_the_value_and_is_reported_once(
    broken: str | None, paths: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    """A file that cannot be used, or is gone, is one line in the log; mended, it is read."""
    caplog.set_level(logging.INFO)
    heard: list[bool] = []
    sums = Reloaded(paths, number, heard.append)
    if broken is None:
        paths["first"].unlink()
    else:
        paths["first"].write_text(broken)
    for _ in range(3):
        assert not sums.refresh()
    assert sums.value == 2
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage().endswith("; what was read before stays in use")
    paths["first"].write_text("7")
    assert sums.refresh()
    assert (sums.value, heard) == (8, [False, True])


def test_what_nobody_foresaw_leaves_the_value_too(
    paths: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a library raises of files, it is reported once, and they are read again when they change."""

    def divided(contents: Contents) -> float:
        return 1 / number(contents)

    value = Reloaded(paths, divided)
    paths["first"].write_text("-1")
    for _ in range(3):
        assert not value.refresh()
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{value.name}: ZeroDivisionError(")
    paths["first"].write_text("3")
    assert value.refresh()
    assert value.value == 0.25


def test_what_is_put_back_is_no_news(paths: dict[str, Path], caplog: pytest.LogCaptureFixture) -> None:
    """A file that returns as it was is in use as before; broken once more, it is reported once more."""
    sums = Reloaded(paths, number)
    for text in ("x", "1", "x"):
        paths["first"].write_text(text)
        sums.refresh()
    assert sums.value == 2
    assert len(caplog.records) == 2


def test_what_cannot_be_read_at_first_is_an_error(paths: dict[str, Path]) -> None:
    """The message names the setting and why."""
    paths["second"].unlink()
    with pytest.raises(ValueError, match=r"`second` .*b cannot be read: No such file or directory"):
        Reloaded(paths, number)


def test_volumes_of_an_orchestrator(tmp_path: Path) -> None:
    """Kubernetes swaps a link to a directory: all files change at once, and what is read fits together."""
    for name, text in (("one", "1"), ("two", "20")):
        (tmp_path / name).mkdir()
        for file in "ab":
            (tmp_path / name / file).write_text(text)
    link = tmp_path / "data"
    link.symlink_to("one")
    sums = Reloaded({"first": link / "a", "second": link / "b"}, number)
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").rename(link)
    assert sums.refresh()
    assert sums.value == 40
