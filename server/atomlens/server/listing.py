"""Listing: what lies in a repository at one moment, told from directories alone: no file is opened."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from atomlens.server.bundle_file import resolved
from atomlens.server.errors import BundleError, UnreadableError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
VERSION = re.compile(r"[1-9][0-9]{0,17}")
MOST_FILES = 100  # of a version directory

Key = tuple[str, int]  # name and version
Identity = tuple[object, ...]  # of a version's files: equal as long as nobody touched them


@dataclass(frozen=True, slots=True)
class Found:
    """A version directory. Where it cannot be told apart from before, it has no identity."""

    path: Path  # REPOSITORY/MODEL/VERSION
    identity: Identity | None
    reason: str = ""  # why it cannot be loaded, where that is known

    @property
    def key(self) -> Key:
        """Name and version."""
        return self.path.parent.name, int(self.path.name)


@dataclass(frozen=True, slots=True)
class Listing:
    """The version directories of a repository by name and version, of each model the highest first."""

    found: dict[Key, Found]
    unreadable: dict[str, str]  # why a model's directory could not be read

    @classmethod
    def read(cls, root: Path) -> Listing:
        """Look at a repository.

        Raises:
            UnreadableError: the system does not give its directory.
        """
        found: dict[Key, Found] = {}
        unreadable: dict[str, str] = {}
        for model in _models(root):
            try:
                versions = list(_versions(model))
            except OSError as error:
                unreadable[model.name] = error.strerror or str(error)
                continue
            for path in sorted(versions, key=lambda path: -int(path.name)):
                found[model.name, int(path.name)] = _look(path, root)
        return cls(found, unreadable)

    @property
    def names(self) -> set[str]:
        """The models that have versions."""
        return {name for name, _ in self.found}


def _models(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if NAME.fullmatch(path.name) and path.is_dir())
    except OSError as error:
        raise UnreadableError(f"{root}: is no model repository: {error.strerror}") from error


def _versions(model: Path) -> Iterator[Path]:
    return (path for path in model.iterdir() if VERSION.fullmatch(path.name) and path.is_dir())


def _look(path: Path, root: Path) -> Found:
    try:
        resolved(path, root)
        with os.scandir(path) as entries:
            some = list(islice(entries, MOST_FILES + 1))
        if len(some) > MOST_FILES:
            raise BundleError(f"{path.name}: may hold {MOST_FILES} files, and holds more")
        return Found(path, tuple(sorted(map(_identity, some))))
    except OSError as error:
        return Found(path, None, f"{path.name}: cannot be read: {error.strerror}")
    except BundleError as error:
        return Found(path, (str(error),), str(error))


def _identity(entry: os.DirEntry[str]) -> tuple[str, int, int, int]:
    """Return what changes when a file does: of what a link leads to, unless it leads nowhere."""
    try:
        status = entry.stat()
    except FileNotFoundError:
        status = entry.stat(follow_symlinks=False)
    return entry.name, status.st_size, status.st_mtime_ns, status.st_ctime_ns
