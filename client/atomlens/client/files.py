"""Files: structures read frame by frame from any format that ASE reads."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

from atomlens.client import xyz
from atomlens.client.errors import AtomLensError, InputError, MissingExtraError, UnreadableFileError
from atomlens.client.failure import Failure
from atomlens.client.structure import Structure

if TYPE_CHECKING:
    from ase import Atoms

STANDARD_INPUT = "-"
PART = re.compile(r"(?P<path>.+)@(?P<part>-?\d+|(?:-?\d+)?:(?:-?\d+)?(?::(?:-?\d+)?)?)")
XYZ_FORMATS = ("xyz", "extxyz")
UNKNOWN_FORMAT = "its format is not known: name it with `format` or `--format-in`"
# A frame that is not read yet, so that one that cannot be read harms no other.
Frame = Callable[[], "Atoms"]


@dataclass(frozen=True, slots=True)
class Source:
    """A file and the part of it that is wanted: ``file.xyz``, ``file.xyz@3``, ``file.xyz@::2``, ``-``."""

    path: str
    part: slice

    @classmethod
    def parse(cls, text: str) -> Source:
        """Return the source that a text names; a file whose name ends like a part is that file."""
        match = PART.fullmatch(text)
        if match is None or Path(text).exists():
            return cls(text, slice(None))
        bounds = [int(bound) if bound else None for bound in match["part"].split(":")]
        if len(bounds) == 1:
            first = bounds[0]
            return cls(match["path"], slice(first, None if first == -1 else (first or 0) + 1))
        if len(bounds) == 3 and bounds[2] == 0:
            raise UnreadableFileError("the step of a part must not be 0", reason="NO_SUCH_PART", field=text)
        return cls(match["path"], slice(*bounds))

    @property
    def counts_from_end(self) -> bool:
        """Whether the number of frames must be known first."""
        return any(
            bound is not None and bound < 0 for bound in (self.part.start, self.part.stop, self.part.step)
        )


def read(source: str | Path, format: str | None = None) -> Iterator[Structure | Failure]:
    """Yield every structure of a file or of a part of it, with the id ``FILE@FRAME``.

    A frame that cannot be read is a `Failure`, and so is the file when no further frame can be found in it.
    Raises `MissingExtraError` without ASE.
    """
    try:
        import ase.io  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("report", "reading files") from error
    text, format = str(source), format and _known(format)
    try:
        wanted = Source.parse(text)
        with ExitStack() as opened:
            path = _standard_input(format, opened) if wanted.path == STANDARD_INPUT else wanted.path
            yield from _chosen(wanted, path, format)
    except AtomLensError as error:
        yield Failure(text, error)


def _chosen(wanted: Source, path: str | Iterable[str], format: str | None) -> Iterator[Structure | Failure]:
    """Yield the frames of the part; a part with nothing in it is an error."""
    found = False
    for index, frame in _selected(wanted, path, format):
        found = True
        yield _structure(f"{wanted.path}@{index}", frame)
    if not found:
        raise UnreadableFileError(
            "there is no structure in this file or part", reason="NO_SUCH_PART", field=wanted.path
        )


def _selected(wanted: Source, path: str | Iterable[str], format: str | None) -> Iterator[tuple[int, Frame]]:
    """Yield index and frame of the part; when it counts from the end, the file is gone through twice."""
    frames, part = enumerate(_frames(wanted.path, path, format)), wanted.part
    if not wanted.counts_from_end:
        return islice(frames, part.start, part.stop, part.step)
    if isinstance(path, str) and (part.step or 1) > 0:
        part = slice(*part.indices(sum(1 for _ in frames)))
        return islice(enumerate(_frames(wanted.path, path, format)), part.start, part.stop, part.step)
    everything = list(frames)
    return iter(everything[part])


def _structure(name: str, frame: Frame) -> Structure | Failure:
    try:
        return Structure.of(frame()).named(name)
    except AtomLensError as error:
        return Failure(name, error)


def _frames(name: str, path: str | Iterable[str], format: str | None) -> Iterator[Frame]:
    """Yield frames; what breaks the file itself is a last frame that raises."""
    try:
        if not isinstance(path, str):
            yield from xyz.frames(path)
        elif (format or _format(path)) in XYZ_FORMATS:
            with _open(path) as stream:
                yield from xyz.frames(stream)
        else:
            yield from _foreign(path, format)
    except AtomLensError:
        raise
    except FileNotFoundError as error:
        raise UnreadableFileError("there is no such file", reason="NO_SUCH_FILE", field=name) from error
    except Exception as error:  # ASE's readers raise whatever their parsers do
        raise UnreadableFileError(_words(error), reason="UNREADABLE", field=name) from error


def _foreign(path: str, format: str | None) -> Iterator[Frame]:
    import ase.io

    for atoms in ase.io.iread(path, slice(None), format=format, do_not_split_by_at_sign=True):
        yield lambda atoms=atoms: atoms  # type: ignore[misc]


def _format(path: str) -> str:
    from ase.io.formats import filetype

    if Path(path).is_dir():
        raise UnreadableFileError("this is a directory", reason="UNREADABLE", field=path)
    return str(filetype(path))


def _known(format: str) -> str:
    """Return ASE's name of a format, which may be given by the suffix that its files have."""
    from ase.io.formats import extension2format, ioformats

    if format in ioformats:
        return format
    if format in extension2format:
        return str(extension2format[format].name)
    raise InputError(f"`format` must be a name that ASE has for one, got {format!r}", field="format")


def _open(path: str) -> IO[str]:
    from ase.io.formats import open_with_compression

    stream: IO[str] = open_with_compression(path, "r")
    return stream


def _standard_input(format: str | None, opened: ExitStack) -> str | Iterable[str]:
    """Return standard input as lines when it is XYZ, which can be read as it comes, else as a file."""
    first = sys.stdin.readline()
    lines = chain([first], sys.stdin)
    if format in XYZ_FORMATS or (format is None and first.strip().isdigit()):
        return lines
    spool = tempfile.NamedTemporaryFile("w+", prefix="atomlens-", encoding="utf-8")  # noqa: SIM115
    copy = opened.enter_context(spool)
    copy.writelines(lines)
    copy.flush()
    return copy.name


def _words(error: Exception) -> str:
    from ase.io.formats import UnknownFileTypeError

    if isinstance(error, UnknownFileTypeError):
        return str(error) if str(error).startswith("Empty") else UNKNOWN_FORMAT
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
