"""Writers: explanations written one after another, as text, JSON and extended XYZ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, Protocol

from atomlens.client.atomic_file import whole_file
from atomlens.client.convert import to_ase, to_dict
from atomlens.client.errors import InputError, MissingExtraError
from atomlens.client.explanation import Explanation
from atomlens.client.table_files import CsvWriter, NpzWriter

SUFFIXES = (".extxyz", ".xyz", ".json", ".jsonl", ".csv", ".npz")


class Writer(Protocol):
    """Takes explanations one by one; nothing is kept but what the format needs."""

    def write(self, explanation: Explanation) -> None:
        """Write one explanation."""
        ...

    def finish(self) -> None:
        """Write what comes last."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


@contextmanager
def open_writer(path: Path) -> Iterator[Writer]:
    """Open a file for explanations in the format that its suffix names.

    ``.json`` is one array, ``.jsonl`` a line for each, ``.extxyz`` a frame for each, ``.csv`` a row for each
    atom, ``.npz`` flat arrays. The file appears when the block ends without an error.
    """
    check_suffix(path)
    with ExitStack() as opened:
        stream = opened.enter_context(whole_file(path, "wb" if path.suffix == ".npz" else "w"))
        writer = opened.enter_context(closing(_writer(path.suffix, stream)))
        yield writer
        writer.finish()


def check_suffix(path: Path) -> None:
    """Raise `InputError` for a file whose suffix names no format."""
    if path.suffix not in SUFFIXES:
        raise InputError(f"`output` must end in {', '.join(SUFFIXES)}, got {path.name!r}", field="output")


def json_line(explanation: Explanation) -> str:
    """Return an explanation as one line of JSON."""
    return json.dumps(to_dict(explanation), ensure_ascii=False, allow_nan=False)


class StreamWriter:
    """A writer of text that has nothing to write at the end, and holds nothing."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def finish(self) -> None:
        """Write nothing more."""

    def close(self) -> None:
        """Leave the stream to whoever opened it."""


class TextWriter(StreamWriter):
    """Tables for people, with a blank line between them."""

    _between = ""

    def write(self, explanation: Explanation) -> None:
        """Write one table."""
        self._stream.write(f"{self._between}{explanation}\n")
        self._between = "\n\n"


class JsonLinesWriter(StreamWriter):
    """A line of JSON for each explanation."""

    def write(self, explanation: Explanation) -> None:
        """Write one line."""
        self._stream.write(json_line(explanation) + "\n")


class JsonWriter(StreamWriter):
    """One JSON array with an explanation on each line."""

    _before = "[\n"

    def write(self, explanation: Explanation) -> None:
        """Write one element."""
        self._stream.write(self._before + json_line(explanation))
        self._before = ",\n"

    def finish(self) -> None:
        """Close the array."""
        self._stream.write("[]\n" if self._before == "[\n" else "\n]\n")


class ExtxyzWriter(StreamWriter):
    """A frame of extended XYZ for each explanation, with results that ASE reads back."""

    def __init__(self, stream: IO[str]) -> None:
        try:
            import ase.io
        except ImportError as error:
            raise MissingExtraError("report", "writing .extxyz") from error
        super().__init__(stream)
        self._write = ase.io.write

    def write(self, explanation: Explanation) -> None:
        """Write one frame."""
        self._write(self._stream, to_ase(explanation), format="extxyz")


def _writer(suffix: str, stream: IO[str]) -> Writer:
    writers = {
        ".extxyz": ExtxyzWriter,
        ".xyz": ExtxyzWriter,
        ".json": JsonWriter,
        ".jsonl": JsonLinesWriter,
        ".csv": CsvWriter,
        ".npz": NpzWriter,
    }
    writer: Writer = writers[suffix](stream)
    return writer
