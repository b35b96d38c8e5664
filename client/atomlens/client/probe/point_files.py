"""Point files: lists of points from text, from NumPy, or from the atoms of a structure."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from atomlens.client.arrays import finite
from atomlens.client.errors import InputError, UnreadableFileError
from atomlens.client.inputs import read_one
from atomlens.client.structure import Floats

TEXT = (".txt", ".dat", ".csv", ".tsv")


def read_points(name: str | Path) -> Floats:
    """Return the points of a file in Å: (points, 3).

    Text and NumPy's ``.npy`` have three columns; any other file must hold one structure, and the points are
    its atoms. Raises `InputError`.
    """
    path = Path(name)
    suffix = path.suffix.lower()
    if suffix not in (*TEXT, ".npy"):
        return read_one(str(name)).positions
    try:
        values = np.load(path, allow_pickle=False) if suffix == ".npy" else _columns(path)
    except FileNotFoundError as error:
        raise _unreadable(path, "there is no such file", "NO_SUCH_FILE") from error
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(path, f"it cannot be read: {error}", "UNREADABLE") from error
    try:
        return finite("points", values, "(points, 3)", (None, 3))
    except InputError as error:
        raise _unreadable(path, str(error), error.reason) from error


def _columns(path: Path) -> Floats:
    """Return the columns of a text, which blanks or commas part; what follows # is a comment."""
    lines = path.read_text(encoding="utf-8").replace(",", " ").splitlines()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a text without numbers, which is no point too
        return np.loadtxt(lines, ndmin=2)


def _unreadable(path: Path, words: str, reason: str) -> UnreadableFileError:
    return UnreadableFileError(f"{path}: {words}", reason=reason, field=str(path))
