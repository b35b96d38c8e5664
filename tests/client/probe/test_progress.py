"""`atomlens.client.probe.progress`."""

from __future__ import annotations

import io
import sys

import pytest

from atomlens.client import MissingExtraError
from atomlens.client.probe.progress import Progress, progress_bar


class Terminal(io.StringIO):
    """Standard error of somebody who looks."""

    def isatty(self) -> bool:
        """Return True."""
        return True


class Notebook(io.StringIO):
    """Standard error of a notebook's cell, which is no terminal."""

    __module__ = "ipykernel.iostream"


def shown(stream: io.StringIO, progress: Progress, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what a bar over 300 points leaves on standard error."""
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_bar(300, progress) as advance:
        advance(100)
        advance(200)
    return stream.getvalue()


@pytest.mark.parametrize("stream", [Terminal, Notebook])
def test_where_somebody_looks(stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal and in a notebook there is a bar over points, unless it is not wanted."""
    assert "300" in shown(stream(), None, monkeypatch)
    assert shown(stream(), False, monkeypatch) == ""


def test_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe there is none, unless it is wanted."""
    assert shown(io.StringIO(), None, monkeypatch) == ""
    assert "300" in shown(io.StringIO(), True, monkeypatch)


def test_without_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then there is none, and whoever wants one is told what to install."""
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert shown(Terminal(), None, monkeypatch) == ""
    with pytest.raises(MissingExtraError, match="a progress bar needs the extra `report`"):
        shown(Terminal(), True, monkeypatch)


def test_without_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may have none."""
    monkeypatch.setattr(sys, "stderr", None)
    with progress_bar(3, None) as advance:
        advance(3)
