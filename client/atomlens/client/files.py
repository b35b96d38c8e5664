"""Files: structures read frame by frame from any format that ASE reads."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from shutil import copyfileobj
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from atomlens.client import xyz
from atomlens.client.errors import AtomLensError, InputError, MissingExtraError, UnreadableFileError
from atomlens.client.failure import Failure
from atomlens.client.structure import Structure

if TYPE_CHECKING:
    from ase import Atoms

STANDARD_INPUT = "-"
PART = re.compile(r"(?P<path>.+)@(?P<part>-?\d+|(?:-?\d+)?:(?:-?\d+)?(?::(?:-?\d+)?)?)")
XYZ_FORMATS = ("xyz", "extxyz")
# What opens a compressed file, by its first bytes.
COMPRESSIONS: dict[bytes, Callable[[str], AbstractContextManager[Any]]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}
HEAD_BYTES = 4096  # enough for a first line of text; binary files may have no lines
# What is raised by a parser that is lost, and says nothing about the file.
LOST = (AttributeError, LookupError, TypeError, AssertionError)
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
            yield from _chosen(wanted, _at_hand(wanted.path, format, opened), format)
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
    kind = ""
    try:
        if not isinstance(path, str):
            yield from xyz.frames(path)
        elif (kind := format or _format(path)) in XYZ_FORMATS:
            with _open(path) as stream:
                yield from xyz.frames(stream)
        else:
            yield from _foreign(path, format)
    except AtomLensError:
        raise
    except FileNotFoundError as error:
        raise UnreadableFileError("there is no such file", reason="NO_SUCH_FILE", field=name) from error
    except Exception as error:  # ASE's readers raise whatever their parsers do
        words = _words(error, kind).replace(str(path), name)  # which may be a copy that nobody knows
        raise UnreadableFileError(words, reason="UNREADABLE", field=name) from error


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


def _open(path: str) -> TextIOWrapper:
    from ase.io.formats import open_with_compression

    return _text(cast("BinaryIO", open_with_compression(path, "rb")))


def _text(stream: BinaryIO) -> TextIOWrapper:
    """Return text that is UTF-8 where it matters; a comment may be in whatever encoding."""
    return TextIOWrapper(stream, encoding="utf-8", errors="replace")


def _at_hand(name: str, format: str | None, opened: ExitStack) -> str | Iterable[str]:
    """Return a file's path, or what came of standard input, a pipe or a device, which is read only once."""
    path = Path(name)
    try:
        if name == STANDARD_INPUT:
            return _arrived(sys.stdin.buffer, "", format, opened)
        if path.exists() and not path.is_file() and not path.is_dir():
            return _arrived(opened.enter_context(path.open("rb")), path.suffix, format, opened)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise UnreadableFileError(_words(error), reason="UNREADABLE", field=name) from error
    return name


def _arrived(stream: BinaryIO, suffix: str, format: str | None, opened: ExitStack) -> str | Iterable[str]:
    """Return XYZ as lines, which are read as they come, and all else as a copy, unpacked if need be."""
    head = stream.readline(HEAD_BYTES)
    unpack = next((COMPRESSIONS[magic] for magic in COMPRESSIONS if head.startswith(magic)), None)
    if unpack:
        unpacked = opened.enter_context(unpack(_copy(head, stream, "", opened)))
        return _arrived(unpacked, "", format, opened)
    first = head.decode("utf-8", errors="replace")
    if head and (format in XYZ_FORMATS or (format is None and xyz.is_count(first))):
        rest = _text(stream)
        opened.callback(rest.detach)  # closing the stream is left to whoever opened it
        return chain([first], rest)
    return _copy(head, stream, suffix, opened)


def _copy(head: bytes, rest: BinaryIO, suffix: str, opened: ExitStack) -> str:
    copy = opened.enter_context(NamedTemporaryFile(prefix="atomlens-", suffix=suffix))  # noqa: SIM115
    copy.write(head)
    copyfileobj(rest, copy)
    copy.flush()
    return copy.name


def _words(error: Exception, kind: str = "") -> str:
    from ase.io.formats import UnknownFileTypeError

    if isinstance(error, UnknownFileTypeError):
        return "Empty file" if str(error).startswith("Empty") else UNKNOWN_FORMAT
    text = " ".join(str(error).split())
    words = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if not kind:
        return words
    taken = f"it cannot be read as {kind}"
    return taken if isinstance(error, LOST) else f"{taken}: {words}"
