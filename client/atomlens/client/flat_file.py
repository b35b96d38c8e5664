"""Flat file: structures in the flat arrays of an .npz file, structure k owning ``n_atoms[k]`` rows."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from atomlens.client.arrays import floats, shaped, whole_numbers
from atomlens.client.errors import InputError, UnreadableFileError
from atomlens.client.structures import Integers, Structures

Array = npt.NDArray[Any]
FIELDS = ("n_atoms", "numbers", "positions", "scaled_positions", "cell_A", "pbc")
NAMES = {"counts": "n_atoms", "cells": "cell_A"}  # fields of `Structures` that files call otherwise


def read_flat(path: Path) -> Structures:
    """Return the structures of a file, named ``FILE@INDEX``.

    Raises:
        UnreadableFileError: what makes a structure is missing or has a wrong shape.
    """
    try:
        return _structures(_arrays(path), str(path))
    except FileNotFoundError as error:
        raise _unreadable(path, "there is no such file", "NO_SUCH_FILE", str(path)) from error
    except InputError as error:
        words = error.message
        for ours, theirs in NAMES.items():
            words = words.replace(f"`{ours}`", f"`{theirs}`")
        raise _unreadable(path, words, error.reason, NAMES.get(error.field, error.field)) from error
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise _unreadable(path, f"it cannot be read: {error}", "UNREADABLE", str(path)) from error


def _unreadable(path: Path, words: str, reason: str, field: str) -> UnreadableFileError:
    return UnreadableFileError(f"{path}: {words}", reason=reason, field=field)


def _arrays(path: Path) -> dict[str, Array]:
    with path.open("rb") as stream:
        if not zipfile.is_zipfile(stream):  # numpy would take it for a pickle and advise to trust it
            raise InputError("it is no .npz file, or damaged", reason="UNREADABLE", field=str(path))
        stream.seek(0)
        with np.load(stream, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files if name in FIELDS}


def _structures(arrays: Mapping[str, Array], name: str) -> Structures:
    counts = whole_numbers("n_atoms", "(structures,)", _given(arrays, "n_atoms"))
    cells = arrays.get("cell_A")
    return Structures(
        counts,
        _given(arrays, "numbers"),
        _positions(arrays, counts),
        cells,
        arrays.get("pbc", None if cells is None else True),
        ids=[f"{name}@{index}" for index in range(len(counts))],
    )


def _positions(arrays: Mapping[str, Array], counts: Integers) -> Array:
    if "positions" in arrays or not {"scaled_positions", "cell_A"} <= set(arrays):
        return _given(arrays, "positions")
    scaled = floats("scaled_positions", arrays["scaled_positions"])
    shaped("scaled_positions", "(atoms, 3)", scaled, (int(counts.sum()), 3))
    cells = floats("cell_A", arrays["cell_A"])
    shaped("cell_A", "(structures, 3, 3)", cells, (len(counts), 3, 3))
    return np.asarray(np.einsum("ax,axy->ay", scaled, np.repeat(cells, counts, axis=0)))


def _given(arrays: Mapping[str, Array], name: str) -> Array:
    if name not in arrays:
        raise InputError(f"`{name}` is missing", reason="WRONG_SHAPE", field=name)
    return arrays[name]
