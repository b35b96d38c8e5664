"""Bundle file: one file of a bundle, read whole, if it is a plain one of its repository and not too large."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from stat import S_ISREG

from atomlens.server.errors import BundleError, UnreadableError

MIB = 2**20
MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # which no waiting mends
FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW  # no pipe holds up who opens it


def read_file(path: Path, root: Path, max_bytes: int) -> bytes:
    """Return what a file holds.

    Args:
        path: the file, which may be a link.
        root: the directory that links must not lead out of.
        max_bytes: what it may hold.

    Raises:
        UnreadableError: the system does not give it.
        BundleError: it is missing, too large or no plain file, or a link leads out of ``root``.
    """
    try:
        real = resolved(path, root)
        if not S_ISREG(real.stat().st_mode):  # looked at before it is opened: opening a device can do things
            raise BundleError(f"{path.name}: must be a plain file")
        with open(real, "rb", opener=lambda path, _: os.open(path, FLAGS)) as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(size + 1) if size <= max_bytes else b""
    except OSError as error:
        kind = BundleError if error.errno in MISSING else UnreadableError
        raise kind(f"{path.name}: cannot be read: {error.strerror}") from error
    if size > max_bytes or len(content) > max_bytes:
        raise BundleError(f"{path.name}: may be {max_bytes / MIB:g} MiB, got {size / MIB:.1f}")
    return content


def resolved(path: Path, root: Path) -> Path:
    """Return a path without links.

    Raises:
        BundleError: it leads out of ``root``.
        OSError: there is nothing at its end.
    """
    real = Path(os.path.realpath(path, strict=True))
    if not real.is_relative_to(os.path.realpath(root)):
        raise BundleError(f"{path.name}: its link leads out of the repository")
    return real
