"""Frames: structures of a file or database that ASE reads, with what stands beside each of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from atomlens.export.dataset import DataError
from atomlens.server.structures import Integers, Structures

if TYPE_CHECKING:
    from ase import Atoms

Array = npt.NDArray[Any]
PER_ATOM = frozenset({"charges", "energies", "forces", "magmoms", "stresses"})  # results of calculators
GEOMETRY = frozenset({"numbers", "positions"})
ENCLOSED = re.compile(r"""".*?"|'.*?'|\{.*?\}|\[.*?\]""")  # values of a comment line in quotes or brackets


def read_frames(
    path: Path, wanted: Collection[str] | None
) -> tuple[Structures, dict[str, Array], dict[str, str]]:
    """Return neutral structures, the wanted fields (None for all), and what is wrong with those left out.

    Arrays of atoms and per-atom results are per-atom fields. What else stands beside structures has a row
    for each structure if its shape is the same everywhere, and else one for each atom.

    Raises:
        DataError: there is no structure, or a value has its name twice.
    """
    frames, rows = [], []
    atomic = set(PER_ATOM)
    for atoms, beside in _frames(path):
        results = {} if atoms.calc is None else atoms.calc.results
        atomic |= set(atoms.arrays)
        values = {**atoms.arrays, **results, **beside}
        frames.append(atoms)
        rows.append({name: values[name] for name in values if wanted is None or name in wanted})
    if not frames:
        raise DataError("no structure in it")
    structures = structures_of(frames)
    return structures, *_columns(rows, structures.counts, atomic)


def _frames(path: Path) -> Iterator[tuple[Atoms, Mapping[str, Any]]]:
    """Yield each structure of a file or database with the values stored beside it."""
    if path.suffix == ".db":
        from ase.db import connect

        for row in connect(path).select():  # type: ignore[no-untyped-call]
            yield row.toatoms(), {**row.data, **row.key_value_pairs}
    else:
        from ase.io import iread
        from ase.io.formats import filetype

        options: dict[str, Any] = {"do_not_split_by_at_sign": True}
        if filetype(str(path)) == "extxyz":
            options["properties_parser"] = _comment
        for atoms in iread(path, ":", **options):
            yield atoms, atoms.info


def _comment(line: str) -> dict[str, Any]:
    """Return the values of an extended XYZ comment line, of which ASE would keep the last of a name."""
    from ase.io.extxyz import key_val_str_to_dict

    names = Counter(re.findall(r"([^\s=]+)\s*=", ENCLOSED.sub("''", line)))
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise DataError(f"`{twice[0]}` is twice in the line {line.strip()!r}")
    return dict(key_val_str_to_dict(line))  # type: ignore[no-untyped-call]


def structures_of(frames: Sequence[Atoms]) -> Structures:
    """Return neutral structures of frames, one at least, without the values that stand beside them."""
    return Structures(
        np.array([len(atoms) for atoms in frames], np.int64),
        np.concatenate([atoms.numbers for atoms in frames]).astype(np.int64),
        np.concatenate([atoms.positions for atoms in frames]),
        np.stack([atoms.cell.array for atoms in frames]),
        np.stack([atoms.pbc for atoms in frames]),
        np.zeros(len(frames)),
        np.zeros(len(frames), np.int64),
    )


def _columns(
    rows: Sequence[Mapping[str, Any]], counts: Integers, atomic: Collection[str]
) -> tuple[dict[str, Array], dict[str, str]]:
    """Return a field for each name, or what is wrong with it."""
    fields: dict[str, Array] = {}
    flaws: dict[str, str] = {}
    for name in dict.fromkeys(name for row in rows for name in row if name not in GEOMETRY):
        lacking = next((index for index, row in enumerate(rows) if name not in row), None)
        if lacking is not None:
            flaws[name] = f"is missing in structure {lacking}"
            continue
        try:
            fields[name] = _column([row[name] for row in rows], counts, name in atomic)
        except ValueError as error:
            flaws[name] = str(error)
    return fields, flaws


def _column(values: Sequence[Any], counts: Integers, atomic: bool) -> Array:
    """Return one array of what stands beside all structures: (structures, ...) or (atoms, ...)."""
    arrays = [np.asarray(value) for value in values]
    strange = [index for index, array in enumerate(arrays) if array.dtype.kind not in "biufU"]
    if strange:
        raise DataError(f"must be numbers or text, got {values[strange[0]]!r} in structure {strange[0]}")
    shapes = [array.shape for array in arrays]
    if not atomic and len(set(shapes)) == 1:
        return np.stack(arrays)
    rows = [shape[:1] for shape in shapes] == [(count,) for count in counts]
    if rows and len({shape[1:] for shape in shapes}) == 1:
        return np.concatenate(arrays)
    other = next((index for index, shape in enumerate(shapes) if shape != shapes[0]), 0)
    raise DataError(f"must have one shape, got {shapes[other]} in structure {other} and {shapes[0]} before")
