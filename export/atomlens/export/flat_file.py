"""Flat file: structures in the flat arrays of an .npz file, structure k owning ``n_atoms[k]`` rows."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from atomlens.export.dataset import DataError
from atomlens.server.structures import Floats, Integers, Structures

Array = npt.NDArray[Any]
GEOMETRY = ("n_atoms", "numbers", "positions", "scaled_positions", "cell_A", "pbc")


def read_flat(path: Path, wanted: Collection[str] | None) -> tuple[Structures, dict[str, Array]]:
    """Return neutral structures and the wanted fields, None for all.

    Raises:
        DataError: what makes a structure is missing or has a wrong shape, or a field is there twice.
    """
    if not zipfile.is_zipfile(path):  # numpy would take it for a pickle and advise to trust it
        raise DataError("it is no .npz file, or damaged")
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        twice = sorted(name for name in archive.files if archive.files.count(name) > 1)
        if twice:
            raise DataError(f"`{twice[0]}` is in it twice")
        geometry = {name: archive[name] for name in archive.files if name in GEOMETRY}
        others = [name for name in archive.files if name not in GEOMETRY]
        fields = {name: archive[name] for name in others if wanted is None or name in wanted}
    return _structures(geometry), fields


def _structures(arrays: Mapping[str, Array]) -> Structures:
    counts = _counts(arrays)
    many, atoms = len(counts), int(counts.sum())
    cells, pbc = np.zeros((many, 3, 3)), np.zeros((many, 3), np.bool_)
    if "cell_A" in arrays:
        cells = _floats(arrays, "cell_A", (many, 3, 3))
        pbc = _pbc(arrays.get("pbc", np.ones(3)), many)
    return Structures(
        counts,
        _whole("numbers", _floats(arrays, "numbers", (atoms,))),
        _positions(arrays, counts, cells),
        cells,
        pbc,
        np.zeros(many),
        np.zeros(many, np.int64),
    )


def _counts(arrays: Mapping[str, Array]) -> Integers:
    counts = _whole("n_atoms", _floats(arrays, "n_atoms", (np.size(arrays.get("n_atoms", 0)),)))
    if len(counts) == 0 or (counts < 0).any():
        raise DataError(f"`n_atoms` must be numbers of atoms, got {counts.min(initial=0)}")
    return counts


def _positions(arrays: Mapping[str, Array], counts: Integers, cells: Floats) -> Floats:
    atoms = int(counts.sum())
    if "positions" in arrays or not {"scaled_positions", "cell_A"} <= set(arrays):
        return _floats(arrays, "positions", (atoms, 3))
    scaled = _floats(arrays, "scaled_positions", (atoms, 3))
    return np.asarray(np.einsum("ax,axy->ay", scaled, np.repeat(cells, counts, axis=0)))


def _pbc(value: Array, many: int) -> npt.NDArray[np.bool_]:
    if value.shape not in ((), (3,), (many, 3)):
        raise DataError(f"`pbc` must be ({many}, 3) or (3,), got {value.shape}")
    return np.broadcast_to(value, (many, 3)).astype(np.bool_)


def _floats(arrays: Mapping[str, Array], name: str, shape: tuple[int, ...]) -> Floats:
    if name not in arrays:
        raise DataError(f"`{name}` is missing")
    if arrays[name].shape != shape:
        raise DataError(f"`{name}` must be {shape}, got {arrays[name].shape}")
    if arrays[name].dtype.kind not in "iuf":
        raise DataError(f"`{name}` must be numbers, got {arrays[name].dtype}")
    return arrays[name].astype(np.float64)


def _whole(name: str, values: Floats) -> Integers:
    broken = np.flatnonzero(values != np.round(values))  # NaN is among them
    if len(broken):
        raise DataError(f"`{name}` must be whole numbers, got {values[broken[0]]:g} in row {broken[0]}")
    return values.astype(np.int64)
