"""Chromium: a still of a page, drawn by the browser that is installed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from atomlens.client.atomic_file import whole_file
from atomlens.client.errors import UnavailableError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SIZE = (1500, 930)  # of the window, in its own pixels
PIXELS = 2  # of the image for each of those
BUDGET_MS = 15_000  # of the page's own time, for drawing
TIMEOUT_SECONDS = 180.0
QUIET = (
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
)


def still(html: str, path: Path) -> None:
    """Write a ``.png`` of a page's pictures; raises where no browser is installed or it fails."""
    browser = find_browser()
    with tempfile.TemporaryDirectory(prefix="atomlens-", ignore_cleanup_errors=True) as folder:
        page, image = Path(folder, "page.html"), Path(folder, "still.png")
        page.write_text(html, encoding="utf-8")
        said = _run(_command(browser, page, image, Path(folder, "profile")))
        if not image.is_file():
            raise UnavailableError(f"{browser} made no picture: {said or 'it does not say why'}")
        with whole_file(path, "wb") as file:
            file.write(image.read_bytes())


def find_browser() -> str:
    """Return where Chromium or Chrome is; raises `UnavailableError` where it is not on the PATH."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    raise UnavailableError(f"a still needs Chromium: none of {', '.join(NAMES)} is on the PATH")


def _command(browser: str, page: Path, image: Path, profile: Path) -> list[str]:
    """Return the command; whoever is root has no sandbox, which Chromium wants to be told."""
    width, height = SIZE
    return [
        browser,
        "--headless=new",
        *(("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()),
        *QUIET,
        f"--user-data-dir={profile}",
        f"--window-size={width},{height}",
        f"--force-device-scale-factor={PIXELS}",
        f"--virtual-time-budget={BUDGET_MS}",
        f"--screenshot={image}",
        f"{page.as_uri()}#still",
    ]


def _run(command: list[str]) -> str:
    """Run the browser to its end and return the last line it said; none of its processes is left."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            _, said = process.communicate(timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(f"{command[0]} drew for more than {TIMEOUT_SECONDS:g} s") from error
        finally:
            _end(process)
    return next(iter(reversed(said.strip().splitlines())), "")


def _end(process: subprocess.Popen[str]) -> None:
    """End what is left of the browser's group of processes."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
