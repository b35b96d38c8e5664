"""Output: what a command is to write, checked before the work."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from atomlens.client.errors import InputError


def check_output(path: Path, suffixes: Collection[str], content: str = "") -> None:
    """Raise `InputError` for a file of another suffix, and for one that could not appear.

    Args:
        path: the file.
        suffixes: in small letters; those of the file may be in any.
        content: what it is to hold, where that decides on the suffixes.
    """
    if path.suffix.lower() not in suffixes:
        what = f"`output` of {content}" if content else "`output`"
        raise InputError(f"{what} must end in {', '.join(suffixes)}, got {path.name!r}", field="output")
    if path.is_dir():
        raise InputError(f"`output` must be a file, got the directory {path}", field="output")
    directory = path.resolve().parent
    if not directory.is_dir():
        raise InputError(f"there is no directory {directory} to write {path.name} to", field="output")
