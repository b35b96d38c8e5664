"""Table: structures with everything that a file says of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from atomlens.export.dataset import SPLITS, DataError
from atomlens.server.structures import Structures

Array = npt.NDArray[Any]
# What a file may call total charge and multiplicity of its structures.
CHARGES = ("charge", "total_charge", "charges")
SPINS = ("spin", "multiplicity", "spins")
ALWAYS = {"split", *CHARGES, *SPINS}  # read whatever names are asked for


@dataclass(frozen=True, slots=True)
class Table:
    """Structures with everything a file says of them, but for what makes the structures themselves."""

    source: str  # the file's name
    structures: Structures
    fields: Mapping[str, Array]  # (structures, ...) or (atoms, ...), by the names in the file
    flaws: Mapping[str, str]  # what is wrong with the fields that are no array: lacking in a structure, ...

    @property
    def split(self) -> npt.NDArray[np.uint8] | None:
        """The part of each structure: 0 training, 1 validation, 2 test; None where the file has no split.

        Raises:
            DataError: a structure is in no part or in one that there is not.
        """
        if "split" not in self.fields and "split" not in self.flaws:
            return None
        values = self.per_structure("split").tolist()
        parts = [SPLITS.index(value) if value in SPLITS else value for value in values]
        strange = [value for value in parts if value not in range(len(SPLITS))]
        if strange:
            rule = f"`split` must be 0, 1 or 2, for {', '.join(SPLITS)}"
            raise DataError(f"{self.source}: {rule}, got {strange[0]!r}")
        return np.array(parts, np.uint8)

    def per_structure(self, name: str) -> Array:
        """Return a field with a row for each structure: (structures, ...).

        Raises:
            DataError: there is no such field, a structure lacks it, or it has another number of rows.
        """
        return self._rows(name, len(self.structures), "structures")

    def per_atom(self, name: str) -> Array:
        """Return a field with a row for each atom: (atoms, ...).

        Raises:
            DataError: there is no such field, a structure lacks it, or it has another number of rows.
        """
        return self._rows(name, len(self.structures.numbers), "atoms")

    def _rows(self, name: str, rows: int, axis: str) -> Array:
        if name in self.flaws:
            raise DataError(f"{self.source}: `{name}` {self.flaws[name]}")
        if name not in self.fields:
            raise DataError(f"{self.source}: `{name}` is missing")
        shape = self.fields[name].shape
        if shape[:1] != (rows,):
            raise DataError(f"{self.source}: `{name}` must be ({rows}, ...) for {axis}, got {shape}")
        return self.fields[name]


def read_table(path: Path, names: Collection[str] | None = None) -> Table:
    """Read an .npz file of flat arrays, an ASE database (.db) or any file that ASE reads.

    Structures are neutral unless a field ``charge`` or ``spin`` (multiplicity) tells otherwise.

    Args:
        path: the file; its suffix tells the format.
        names: the fields that are wanted, None for all; split, charge and spin always are.

    Raises:
        DataError: the file cannot be read, or what makes a structure is missing or has a wrong shape.
    """
    if not path.is_file():
        raise DataError(f"{path}: {'this is a directory' if path.is_dir() else 'there is no such file'}")
    wanted = None if names is None else ALWAYS | set(names)
    try:
        structures, fields, flaws = _read(path, wanted)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except Exception as error:  # a damaged file raises whatever its bytes lead to
        raise DataError(f"{path} cannot be read: {error or type(error).__name__}") from error
    return Table(path.name, _with_charges(structures, fields), fields, flaws)


def _read(
    path: Path, wanted: Collection[str] | None
) -> tuple[Structures, Mapping[str, Array], Mapping[str, str]]:
    if path.suffix == ".npz":
        from atomlens.export.flat_file import read_flat

        return *read_flat(path, wanted), {}
    from atomlens.export.frames import read_frames

    return read_frames(path, wanted)


def _with_charges(structures: Structures, fields: Mapping[str, Array]) -> Structures:
    """Return the structures with the total charges and multiplicities that the fields hold."""
    charges, spins = (_first(fields, names, len(structures)) for names in (CHARGES, SPINS))
    return replace(
        structures,
        charges=structures.charges if charges is None else charges,
        spins=structures.spins if spins is None else spins.astype(np.int64),
    )


def _first(fields: Mapping[str, Array], names: Collection[str], rows: int) -> npt.NDArray[np.float64] | None:
    """Return the first field of one finite number for each structure, None if there is no such field."""
    for name in names:
        field = fields.get(name, np.zeros(0))
        if field.shape == (rows,) and field.dtype.kind in "iuf" and np.isfinite(field).all():
            return field.astype(np.float64)
    return None
