"""Stills that a browser makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atomlens.client import InputError, UnavailableError
from atomlens.client.report import Report, chromium
from atomlens.client.report.chromium import find_browser, still
from atomlens.client.report.scale import PALETTES


def script(folder: Path, name: str, lines: str) -> None:
    """Make a program that stands in the place of a browser."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)


def test_a_still(browser: Any, water: Report, tmp_path: Path) -> None:
    """It shows the pictures and nothing else, with the colours of the scales."""
    from matplotlib.image import imread

    path = tmp_path / "water.png"
    water.write(path)
    assert list(tmp_path.iterdir()) == [path]
    image = np.rint(255 * imread(path)[..., :3]).astype(int)
    assert image.shape == (chromium.PIXELS * chromium.SIZE[1], chromium.PIXELS * chromium.SIZE[0], 3)
    for color in (PALETTES["energy"][0], PALETTES["energy"][-1]):
        wanted = [int(color[place : place + 2], 16) for place in (1, 3, 5)]
        assert (np.abs(image - wanted).max(axis=2) < 40).sum() > 2000
    assert (image.min(axis=2) > 250).mean() > 0.5


def test_no_browser(monkeypatch: pytest.MonkeyPatch, water: Report, tmp_path: Path) -> None:
    """Where none is installed the error names those that were looked for, and no file is left."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="a still needs Chromium: none of chromium, chromium-browser"):
        water.still(tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []


def test_the_first_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Chromium goes before Chrome."""
    monkeypatch.setenv("PATH", str(tmp_path))
    script(tmp_path, "google-chrome", "exit 0")
    assert find_browser() == str(tmp_path / "google-chrome")
    script(tmp_path, "chromium", "exit 0")
    assert find_browser() == str(tmp_path / "chromium")


def test_a_browser_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What it said last is in the error; a file that was there stays as it is."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    script(tmp_path, "chromium", "echo first >&2; echo 'no display' >&2; exit 1")
    path = tmp_path / "out.png"
    path.write_bytes(b"before")
    with pytest.raises(UnavailableError, match="made no picture: no display"):
        still("<p>", path)
    assert path.read_bytes() == b"before"


def test_a_browser_that_hangs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is ended with all that it started."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(chromium, "TIMEOUT_SECONDS", 0.2)
    script(tmp_path, "chromium", f"sleep 600 & echo $! > {tmp_path}/child; wait")
    with pytest.raises(UnavailableError, match=r"drew for more than 0\.2 s"):
        still("<p>", tmp_path / "out.png")
    child = (tmp_path / "child").read_text().strip()
    assert not Path(f"/proc/{child}/status").exists() or "Z" in Path(f"/proc/{child}/stat").read_text()


def test_what_the_browser_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A fresh profile, no network, and no sandbox for root alone."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    script(tmp_path, "chromium", f'for word in "$@"; do echo "$word"; done > {tmp_path}/said; exit 1')
    for user, has_sandbox in ((0, False), (1000, True)):
        monkeypatch.setattr("os.geteuid", lambda user=user: user)
        with pytest.raises(UnavailableError):
            still("<p>", tmp_path / "out.png")
        said = (tmp_path / "said").read_text().splitlines()
        assert ("--no-sandbox" not in said) is has_sandbox
        assert {"--headless=new", "--disable-quic", "--disable-background-networking"} <= set(said)
        assert said[-1].startswith("file:///")
        assert said[-1].endswith("#still")


def test_other_files(water: Report, tmp_path: Path) -> None:
    """A suffix that names no form of a report is refused."""
    with pytest.raises(InputError, match=r"`output` must end in \.html, \.htm, \.png, got 'out\.pdf'"):
        water.write(tmp_path / "out.pdf")
