"""`atomlens.server.bundle_file`: with real files of every kind."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from atomlens.server.bundle_file import read_file
from atomlens.server.errors import BundleError, UnreadableError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a file in it, and one beside it."""
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "models" / "m").mkdir(parents=True)
    (tmp_path / "models" / "m" / "file").write_bytes(b"content")
    return tmp_path / "models"


def test_a_file_is_read_whole(root: Path) -> None:
    """Up to the size it may have."""
    assert read_file(root / "m" / "file", root, 7) == b"content"
    with pytest.raises(BundleError, match=r"file: may be 5\.72205e-06 MiB, got 0\.0"):
        read_file(root / "m" / "file", root, 6)


def test_a_file_that_is_too_large_is_not_read(root: Path) -> None:
    """A sparse one of a terabyte takes no memory and no time."""
    with (root / "m" / "file").open("r+b") as file:
        file.truncate(2**40)
    with pytest.raises(BundleError, match=r"file: may be 4 MiB, got 1048576\.0"):
        read_file(root / "m" / "file", root, 4 * 2**20)


def test_a_link_within_the_repository_is_followed(root: Path) -> None:
    """Over several steps, and through linked directories."""
    (root / "data").symlink_to("m")
    (root / "m" / "link").symlink_to("../data/file")
    assert read_file(root / "m" / "link", root, 7) == b"content"
    (root.parent / "mount").symlink_to("models")
    assert read_file(root.parent / "mount" / "m" / "link", root.parent / "mount", 7) == b"content"


@pytest.mark.parametrize("target", ["../../secret", "{root}/../secret", "/etc/passwd", "../out/../../secret"])
def test_a_link_out_of_the_repository_is_refused(root: Path, target: str) -> None:
    """Relative or absolute, by itself or through a directory."""
    (root / "out").symlink_to("/etc")
    link = root / "m" / "link"
    link.symlink_to(target.format(root=root))
    with pytest.raises(BundleError, match=r"^link: (its link leads out of the repository|cannot be read)"):
        read_file(link, root, 1000)


def test_a_repository_whose_name_begins_alike_is_another(root: Path) -> None:
    """Names are compared part by part."""
    (root.parent / "models-of-others").mkdir()
    (root.parent / "models-of-others" / "file").write_bytes(b"secret")
    (root / "m" / "link").symlink_to("../../models-of-others/file")
    with pytest.raises(BundleError, match="leads out of the repository"):
        read_file(root / "m" / "link", root, 1000)


@pytest.mark.parametrize("kind", ["pipe", "socket", "directory"])
def test_what_is_no_plain_file_is_refused(root: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without waiting for whoever writes into it."""
    path = root / "m" / "special"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        monkeypatch.chdir(path.parent)  # names of sockets are short
        with socket.socket(socket.AF_UNIX) as one:
            one.bind("special")
    with pytest.raises(BundleError, match="special: must be a plain file"):
        read_file(path, root, 1000)


def test_a_device_is_refused(tmp_path: Path) -> None:
    """Though it is in the repository, it is not even opened."""
    with pytest.raises(BundleError, match="zero: must be a plain file"):
        read_file(Path("/dev/zero"), Path("/dev"), 1000)


@pytest.mark.parametrize("target", ["nowhere", "link", "file/below"])
def test_what_is_missing_cannot_be_read(root: Path, target: str) -> None:
    """Nor what a broken link promises, or one that leads to itself; no waiting mends it."""
    (root / "m" / "link").symlink_to(target)
    with pytest.raises(BundleError, match="link: cannot be read: ") as caught:
        read_file(root / "m" / "link", root, 1000)
    assert not isinstance(caught.value, UnreadableError)


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.EACCES, errno.ENFILE])
def test_an_error_of_the_disk_is_told_apart(root: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be over the next time."""

    def fail(*_: Any) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(UnreadableError, match=f"file: cannot be read: {os.strerror(code)}"):
        read_file(root / "m" / "file", root, 1000)


def test_a_file_that_grows_is_not_read_on(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what it may hold."""
    path = root / "m" / "file"
    real = os.fstat

    def grown(number: int) -> os.stat_result:
        before = real(number)
        path.write_bytes(b"content and more")
        return before

    monkeypatch.setattr(os, "fstat", grown)
    with pytest.raises(BundleError, match="file: may be"):
        read_file(path, root, 7)


NO_MEMORY = """
import resource, sys
from pathlib import Path
from atomlens.server.bundle_file import read_file
from atomlens.server.errors import BundleError
Path(sys.argv[1], "file").open("wb").truncate(2**40)
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
try:
    read_file(Path(sys.argv[1], "file"), Path(sys.argv[1]), 2**20)
except BundleError as error:
    print(error)
"""


def test_refusing_a_large_file_takes_no_memory(tmp_path: Path) -> None:
    """A process with a GiB refuses a file of a TiB."""
    told = subprocess.run(
        [sys.executable, "-c", NO_MEMORY, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert told.stdout == "file: may be 1 MiB, got 1048576.0\n"
