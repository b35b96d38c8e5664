"""Reloaded: a value read from files, and read again when they change."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
Contents = tuple[bytes, ...]
Heard = Callable[[bool], None]  # told of files that changed: whether they could be used
log = logging.getLogger(__name__)


def unheard(succeeded: bool) -> None:
    """Tell nobody."""


class Reloaded(Generic[T]):
    """A value made of the contents of files, which are looked at whenever `refresh` is called.

    Contents are compared, not times: these miss what is written twice within a tick of the file system.
    New contents that are broken are reported once, and the value stays as it was.
    """

    def __init__(
        self, paths: Mapping[str, Path], parse: Callable[[Contents], T], heard: Heard = unheard
    ) -> None:
        """Read files, named by their settings; ``parse`` raises ValueError for what it cannot use.

        Raises:
            ValueError: a file cannot be read or used; the message names the setting.
        """
        self._paths, self._parse, self._heard = dict(paths), parse, heard
        self._lock = threading.Lock()
        self._contents: Contents | str = self._read()
        self.value = parse(self._contents)

    @property
    def name(self) -> str:
        """Names of the files, for messages."""
        return ", ".join(map(str, self._paths.values()))

    def refresh(self) -> bool:
        """Read the files again and return whether the value is a new one; from any thread."""
        with self._lock:
            try:
                contents = self._read()
            except ValueError as error:
                self._keep(str(error), error)
                return False
            if contents == self._contents:
                return False
            return self._take(contents)

    def _take(self, contents: Contents) -> bool:
        try:
            self.value = self._parse(contents)
        except ValueError as error:
            self._keep(contents, error)
            return False
        except Exception as error:  # whatever a library makes of the files, they are looked at again
            self._keep(contents, ValueError(f"{self.name}: {error!r}"))
            return False
        self._contents = contents
        log.info("read again: %s", self.name)
        self._heard(True)
        return True

    def _keep(self, seen: Contents | str, error: ValueError) -> None:
        """Report what is broken, once for every state of the files."""
        if seen != self._contents:
            log.error("%s; what was read before stays in use", error)
            self._heard(False)
        self._contents = seen

    def _read(self) -> Contents:
        return tuple(_read(setting, path) for setting, path in self._paths.items())


def _read(setting: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"`{setting}` {path} cannot be read: {error.strerror}") from error
