"""Readers: training data from .npz, extended XYZ and ASE databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from atomlens.export.dataset import SPLITS, DataError, Dataset, random_split
from atomlens.server.structures import Floats, Structures

if TYPE_CHECKING:
    from ase import Atoms

EV = {
    "eV": 1.0,
    "meV": 1e-3,
    "Ha": 27.211386245988,
    "kcal/mol": 0.0433641153087705,
    "kJ/mol": 0.010364269656262174,
}
BOHR_ANGSTROM = 0.529177210903
UNITS = {
    "eV": EV,
    "eV/atom": {f"{unit}/atom": factor for unit, factor in EV.items()},
    "e·Å": {"e·Å": 1.0, "eA": 1.0, "D": 0.20819433270935603, "au": BOHR_ANGSTROM},
    "Å²": {"Å²": 1.0, "A2": 1.0, "a0²": BOHR_ANGSTROM**2, "Bohr2": BOHR_ANGSTROM**2},
}
Raw = tuple[Structures, Floats, "npt.NDArray[np.uint8] | None"]  # the last is the split, if the file has one
SUFFIXES = {
    "_eV_per_atom": "eV/atom",
    "_meV_per_atom": "meV/atom",
    "_eV": "eV",
    "_meV": "meV",
    "_Ha": "Ha",
    "_eA": "e·Å",
    "_D": "D",
    "_A2": "Å²",
    "_Bohr2": "a0²",
}


def read_dataset(path: Path, label: str, units: Sequence[str], label_unit: str | None, seed: int) -> Dataset:
    """Read labelled structures from an .npz file, an ASE database or a file of structures.

    Args:
        path: the file; its suffix tells the format.
        label: the field, info key or database column that holds the label.
        units: the units that labels may be returned in; the one that the label's own converts to is taken.
        label_unit: the unit in the file; None reads it from the label's own suffix (``_eV``, ``_D``, ...).
        seed: of the random split, where the file has none.

    Raises:
        DataError: the file cannot be read, or a field is missing or has a wrong shape or unit.
    """
    unit, factor = _unit(label, units, label_unit)
    try:
        structures, labels, split = (
            _read_npz(path, label) if path.suffix == ".npz" else _read_ase(path, label)
        )
        if split is None:
            split = random_split(len(structures), seed)
        return Dataset(structures, labels * factor, split, label, unit, path.name).check()
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except Exception as error:  # a damaged file raises whatever its bytes lead to
        raise DataError(f"{path} cannot be read: {error or type(error).__name__}") from error


def _unit(label: str, units: Sequence[str], label_unit: str | None) -> tuple[str, float]:
    """Return the unit to return labels in, and the factor to it from the unit in the file."""
    named = label_unit or _suffix(label)[1]
    known = [name for unit in units for name in UNITS[unit]]
    if not named:
        raise DataError(f"`{label}` has no unit in its name: give --label-unit, one of {', '.join(known)}")
    if named not in known:
        raise DataError(f"`{label}` is in {named}, which is no unit of a label in {' or '.join(units)}")
    return next((unit, UNITS[unit][named]) for unit in units if named in UNITS[unit])


def bare_name(label: str) -> str:
    """Return a label's name without its unit: gap of gap_eV."""
    return label.removesuffix(_suffix(label)[0])


def _suffix(label: str) -> tuple[str, str]:
    """Return the suffix of a label that tells its unit, and the unit; empty where there is none."""
    return next(((suffix, unit) for suffix, unit in SUFFIXES.items() if label.endswith(suffix)), ("", ""))


def _read_npz(path: Path, label: str) -> Raw:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files if name in _wanted(label)}
    for name in ("n_atoms", "numbers", label):
        if name not in arrays:
            raise DataError(f"`{name}` is missing")
    counts = arrays["n_atoms"].astype(np.int64)
    atoms = int(counts.sum())
    pbc = np.zeros((len(counts), 3), np.bool_)
    cells = np.zeros((len(counts), 3, 3))
    if "cell_A" in arrays:
        cells = _shaped(arrays, "cell_A", (len(counts), 3, 3))
        pbc[:] = arrays.get("pbc", np.ones(3, np.bool_))
    if "positions" in arrays:
        positions = _shaped(arrays, "positions", (atoms, 3))
    elif "scaled_positions" in arrays and "cell_A" in arrays:
        scaled = _shaped(arrays, "scaled_positions", (atoms, 3))
        positions = np.einsum("ax,axy->ay", scaled, np.repeat(cells, counts, axis=0))
    else:
        raise DataError("`positions` is missing")
    structures = Structures(
        counts,
        _shaped(arrays, "numbers", (atoms,)).astype(np.int64),
        positions,
        cells,
        pbc,
        np.zeros(len(counts)),
        np.zeros(len(counts), np.int64),
    )
    split = _parts(_shaped(arrays, "split", (len(counts),)).tolist()) if "split" in arrays else None
    return structures, _shaped(arrays, label, (len(counts),)), split


def _wanted(label: str) -> set[str]:
    return {"n_atoms", "numbers", "positions", "scaled_positions", "cell_A", "pbc", "split", label}


def _shaped(arrays: dict[str, npt.NDArray[Any]], name: str, shape: tuple[int, ...]) -> Floats:
    if arrays[name].shape != shape:
        raise DataError(f"`{name}` must be {shape}, got {arrays[name].shape}")
    return arrays[name].astype(np.float64)


def _parts(values: Sequence[Any]) -> npt.NDArray[np.uint8]:
    """Return parts of the split by number, from numbers or names."""
    numbers = [SPLITS.index(value) if value in SPLITS else value for value in values]
    strange = [value for value in numbers if value not in range(len(SPLITS))]
    if strange:
        raise DataError(f"`split` must be 0, 1 or 2, for {', '.join(SPLITS)}, got {strange[0]!r}")
    return np.array(numbers, np.uint8)


def _read_ase(path: Path, label: str) -> Raw:
    frames, labels, splits = [], [], []
    for index, (atoms, values) in enumerate(_frames(path)):
        frames.append(atoms)
        labels.append(_label(atoms, values, label, index))
        splits.append(values.get("split"))
    if not frames:
        raise DataError("no structure in it")
    structures = Structures(
        np.array([len(atoms) for atoms in frames], np.int64),
        np.concatenate([atoms.numbers for atoms in frames]).astype(np.int64),
        np.concatenate([atoms.positions for atoms in frames]),
        np.stack([atoms.cell.array for atoms in frames]),
        np.stack([atoms.pbc for atoms in frames]),
        np.zeros(len(frames)),
        np.zeros(len(frames), np.int64),
    )
    has_split = any(value is not None for value in splits)
    return structures, np.array(labels), _parts(splits) if has_split else None


def _label(atoms: Atoms, values: Mapping[str, Any], label: str, index: int) -> float:
    """Return a structure's label from what is stored beside it, or from its calculator's results."""
    results = {} if atoms.calc is None else atoms.calc.results
    value = values.get(label, results.get(label))
    if value is None:
        raise DataError(f"`{label}` is missing in structure {index}")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DataError(f"`{label}` must be a number, got {value!r} in structure {index}") from None


def _frames(path: Path) -> Iterator[tuple[Atoms, dict[str, Any]]]:
    """Yield each structure of a file or database with the values stored beside it."""
    if path.suffix == ".db":
        from ase.db import connect

        for row in connect(path).select():  # type: ignore[no-untyped-call]
            yield row.toatoms(), {**row.data, **row.key_value_pairs}
    else:
        from ase.io import iread

        for atoms in iread(path, ":"):
            yield atoms, atoms.info
