"""Atomic file: a file that appears whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

READABLE = 0o666  # less the umask, as of any new file


@contextmanager
def whole_file(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file beside ``path`` that takes its place if the block ends well, and goes if not."""
    if not path.resolve().parent.is_dir():
        raise FileNotFoundError(f"there is no directory {path.resolve().parent} to write {path.name} to")
    encoding = None if "b" in mode else "utf-8"
    handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, mode, encoding=encoding, newline=None if "b" in mode else "") as stream:
            yield stream
        os.chmod(aside, READABLE & ~_umask())
        os.replace(aside, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(aside)
        raise


def _umask() -> int:
    """Return the umask, which can only be read by setting it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
