"""Point files: lists of points from text, from NumPy, or from the atoms of a structure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from atomlens.client.arrays import finite
from atomlens.client.errors import InputError, UnreadableFileError
from atomlens.client.inputs import read_one
from atomlens.client.structure import Floats

TEXT = (".txt", ".dat", ".csv", ".tsv")
SHOWN = 40  # characters of a line in an error


def read_points(name: str | Path) -> Floats:
    """Return the points of a file in Å: (points, 3).

    Text and NumPy's ``.npy`` have three columns; any other file must hold one structure, and the points are
    its atoms. Raises `InputError`, for no points too.
    """
    path = Path(name)
    suffix = path.suffix.lower()
    values = _content(path) if suffix in (*TEXT, ".npy") else read_one(str(name)).positions
    if isinstance(values, str):
        values = [_row(path, number, words) for number, words in _lines(values)]
    if not np.size(values):
        raise _unreadable(path, "it holds no points", "NO_POINTS")
    try:
        return finite("points", values, "(points, 3)", (None, 3))
    except InputError as error:
        raise _unreadable(path, str(error), error.reason) from error


def _content(path: Path) -> Any:
    """Return the array of a file, or its text."""
    try:
        if path.suffix.lower() in TEXT:
            return path.read_text(encoding="utf-8")
        with path.open("rb") as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)
    except FileNotFoundError as error:
        raise _unreadable(path, "there is no such file", "NO_SUCH_FILE") from error
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(path, f"it cannot be read: {error}", "UNREADABLE") from error


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each line that says something, and its words, which blanks or commas part.

    What follows # is a comment; lines that say nothing count too.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if words := line.partition("#")[0].replace(",", " ").split():
            yield number, words


def _row(path: Path, number: int, words: list[str]) -> list[float]:
    try:
        row = [float(word) for word in words]
    except ValueError:
        row = []
    if len(row) != 3 or not all(map(math.isfinite, row)):
        rule, got = "three finite numbers, x y z in Å", " ".join(words)[:SHOWN]
        raise _unreadable(path, f"line {number} must hold {rule}, got {got!r}", "UNREADABLE")
    return row


def _unreadable(path: Path, words: str, reason: str) -> UnreadableFileError:
    return UnreadableFileError(f"{path}: {words}", reason=reason, field=str(path))
