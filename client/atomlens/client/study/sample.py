"""Sample: the structures of a data file that a study looks at, with what the file says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from atomlens.client.errors import InputError
from atomlens.client.structure import Structure

if TYPE_CHECKING:
    from atomlens.export.table import Table

Array: TypeAlias = npt.NDArray[Any]
Bools: TypeAlias = npt.NDArray[np.bool_]
Integers: TypeAlias = npt.NDArray[np.int64]
TRAINING, TEST = 0, 2  # as the parts of a split are numbered
IDENTITIES = ("_index", "_id")  # ends of the names of fields that tell structures apart


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Structures with fields whose first axis is (structures,) or (atoms,)."""

    table: Table  # of the whole file
    part: str  # of the file that was taken, in words
    structures: tuple[Structure, ...]
    fields: Mapping[str, Array]
    trained: Bools | None  # (structures,) which are in the training part of a split; None: no file has one
    numbers: Integers = field(init=False)  # (atoms,)
    counts: Integers = field(init=False)  # (structures,)

    def __post_init__(self) -> None:
        counts = np.array([len(structure) for structure in self.structures], np.int64)
        numbers = np.concatenate([structure.numbers for structure in self.structures]).astype(np.int64)
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "numbers", numbers)

    @property
    def source(self) -> str:
        """Name of the file."""
        return self.table.source

    @property
    def owners(self) -> Integers:
        """The structure of each atom: (atoms,)."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def is_molecular(self) -> bool:
        """Whether no structure is periodic."""
        return not any(structure.pbc.any() for structure in self.structures)

    def per_atom(self, name: str) -> Array | None:
        """Return numbers (atoms,), None where the file has no such field."""
        values = self._numbers(name)
        return values if values is not None and values.shape == self.numbers.shape else None

    def per_structure(self, name: str) -> Array | None:
        """Return numbers (structures, ...), None where the file has no such field."""
        values = self._numbers(name)
        return values if values is not None and len(values) == len(self.counts) else None

    def _numbers(self, name: str) -> Array | None:
        values = self.fields.get(name)
        return values if values is not None and values.dtype.kind in "iuf" else None


def take_samples(tables: Sequence[Table], limit: int) -> list[Sample]:
    """Return of each file its test part, or all of it where it has no split, ``limit`` structures at most.

    A file without a split of its own is told which structures were trained on by another that has one and
    shares a field of identities, such as qm9_index.

    Raises:
        InputError: a file has a split without a test part.
        DataError (ValueError): a file says that positions are in another unit than Å.
    """
    from atomlens.export.units import require_angstrom

    for table in tables:
        require_angstrom(table)
    return [_sample(table, tables, limit) for table in tables]


def _sample(table: Table, others: Sequence[Table], limit: int) -> Sample:
    split = table.split
    parts = _split_elsewhere(table, others) if split is None else split
    rows = np.arange(len(table.structures)) if split is None else np.flatnonzero(split == TEST)
    words = "all structures" if split is None else "the test part"
    if not len(rows):
        raise InputError(f"`split` must have a test part to study, that of {table.source} has none")
    if len(rows) > limit:
        # Spread over the file: neighbours in a data set are often alike.
        rows = rows[np.linspace(0, len(rows) - 1, limit).astype(np.int64)]
        words = f"{limit} structures of {words}"
    trained = None if parts is None else parts[rows] == TRAINING
    return Sample(table, words, _structures(table, rows), _fields(table, rows), trained)


def _split_elsewhere(table: Table, others: Sequence[Table]) -> Array | None:
    """Return the split that other files tell, training where none does: what is not known is not unseen."""
    mine = _identities(table)
    for other in others:
        shared = {name: values for name, values in _identities(other).items() if name in mine}
        if other.split is not None and shared:
            name, theirs = next(iter(shared.items()))
            parts = dict(zip(theirs, other.split.tolist(), strict=True))
            return np.array([parts.get(one, TRAINING) for one in mine[name]])
    return None


def _identities(table: Table) -> dict[str, list[Any]]:
    """Return the fields (structures,) that tell structures apart."""
    return {
        name: values.tolist()
        for name, values in table.fields.items()
        if name.endswith(IDENTITIES) and values.shape == (len(table.structures),)
    }


def _structures(table: Table, rows: Integers) -> tuple[Structure, ...]:
    flat, taken = table.structures, []
    for row in rows.tolist():
        atoms = slice(flat.offsets[row], flat.offsets[row + 1])
        one = Structure(
            flat.numbers[atoms],
            flat.positions[atoms],
            flat.cells[row] if flat.pbc[row].any() else None,
            flat.pbc[row],
            float(flat.charges[row]),
            int(flat.spins[row]),
            f"{table.source}@{row}",
        )
        taken.append(one)
    return tuple(taken)


def _fields(table: Table, rows: Integers) -> dict[str, Array]:
    atoms = table.structures.atoms_of(rows)
    total, atoms_total = len(table.structures), len(table.structures.numbers)
    return {
        name: values[rows] if len(values) == total else values[atoms]
        for name, values in table.fields.items()
        if values.shape[:1] in ((total,), (atoms_total,))
    }
