"""Atomic file: a file that appears whole or not at all."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

READABLE = 0o666  # less the umask, as of any new file


class UnwritableFileError(OSError):
    """A file that cannot be written; `errno` and `strerror` say why, `filename` which."""

    def __str__(self) -> str:
        return f"cannot write {self.filename}: {self.strerror}"


@contextmanager
def whole_file(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file beside ``path`` that takes its place if the block ends well, and goes if not."""
    if not path.resolve().parent.is_dir():
        raise FileNotFoundError(f"there is no directory {path.resolve().parent} to write {path.name} to")
    if path.is_dir():
        raise IsADirectoryError(f"there is a directory in the place of the file {path}")
    with _named(path):
        handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with _opened(handle, path, mode) as stream:
            yield stream
        with _named(path):
            os.chmod(aside, READABLE & ~_umask())
            os.replace(aside, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(aside)
        raise


class _File(io.FileIO):
    """A file of another name than the one that errors are to tell."""

    def __init__(self, handle: int, path: Path) -> None:
        super().__init__(handle, "w")
        self._path = path

    def write(self, content: Any, /) -> int:
        with _named(self._path):
            return super().write(content)


def _opened(handle: int, path: Path, mode: str) -> IO[Any]:
    """Return a stream of bytes or, with line ends as they come, of text."""
    stream = io.BufferedWriter(_File(handle, path))
    return stream if "b" in mode else io.TextIOWrapper(stream, encoding="utf-8", newline="")


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file in errors of the system, which may know it by another name or by none."""
    try:
        yield
    except OSError as error:
        raise UnwritableFileError(error.errno, error.strerror, str(path)) from error


def _umask() -> int:
    """Return the umask, which can only be read by setting it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
