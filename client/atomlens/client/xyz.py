"""XYZ: extended XYZ as it comes, one frame at a time, so that a broken frame harms no other."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, cast

from atomlens.client.errors import UnreadableFileError

if TYPE_CHECKING:
    from ase import Atoms

BYTE_ORDER_MARK = "\ufeff"  # some editors begin a file with it, and files are concatenated
VECTOR = "VEC"  # lines after the atoms with lattice vectors, in an older dialect


def frames(lines: Iterable[str]) -> Iterator[Callable[[], Atoms]]:
    """Yield each frame as a function that parses it.

    Raises `UnreadableFileError` at a line that should be a number of atoms: nothing after it can be trusted.
    """
    rest = _Lines(lines)
    while (line := rest.next_filled()) is not None:
        header = line.removeprefix(BYTE_ORDER_MARK)
        if not is_count(header):
            message = f"line {rest.number} must be a number of atoms, got {header.strip()[:40]!r}"
            raise UnreadableFileError(message, reason="UNREADABLE")
        start = rest.number
        block = [header, *rest.take(int(header) + 1), *rest.take_while(VECTOR)]
        yield _parser(block, start)


def is_count(line: str) -> bool:
    """Return whether a line is a number of atoms; digits of other scripts are none."""
    text = line.removeprefix(BYTE_ORDER_MARK).strip()
    return text.isascii() and text.isdigit()


def _parser(block: list[str], line: int) -> Callable[[], Atoms]:
    def parse() -> Atoms:
        import ase.io

        try:
            if len(block) < int(block[0]) + 2:
                raise ValueError(f"the file ends after {max(len(block) - 2, 0)} of {int(block[0])} atoms")
            atoms = ase.io.read(io.StringIO("".join(block)), format="extxyz")
            return cast("Atoms", atoms)
        except Exception as error:  # the reader raises whatever its parsing does
            message = f"the frame at line {line} cannot be read: {_reason(error, block[2:])}"
            raise UnreadableFileError(message, reason="UNREADABLE") from error

    return parse


def _reason(error: Exception, atoms: Iterable[str]) -> str:
    """Return what is wrong with a frame; the reader says no more of a symbol than the symbol."""
    if isinstance(error, KeyError) and any(str(error.args[0]) in line.split() for line in atoms):
        return f"unknown element {error.args[0]!r}"
    return " ".join(str(error).split()) or type(error).__name__


class _Lines:
    """Lines with one line of sight ahead."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._ahead: str | None = None
        self.number = 0

    def next(self) -> str | None:
        """Return the next line, or None at the end."""
        line = self._ahead if self._ahead is not None else next(self._lines, None)
        self._ahead = None
        self.number += line is not None
        return line

    def next_filled(self) -> str | None:
        """Return the next line that is not blank."""
        line = self.next()
        while line is not None and not line.strip():
            line = self.next()
        return line

    def take(self, count: int) -> list[str]:
        """Return up to ``count`` lines."""
        lines: list[str] = []
        while len(lines) < count and (line := self.next()) is not None:
            lines.append(line)
        return lines

    def take_while(self, prefix: str) -> list[str]:
        """Return the lines that begin with ``prefix``."""
        lines = []
        while (line := self.next()) is not None:
            if not line.startswith(prefix):
                self._ahead = line
                self.number -= 1
                break
            lines.append(line)
        return lines
