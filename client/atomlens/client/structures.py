"""Structures: a ragged batch of molecules and crystals in flat arrays."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from atomlens.client import optional
from atomlens.client.arrays import whole_numbers
from atomlens.client.errors import AtomLensError, InputError
from atomlens.client.message_size import check_size
from atomlens.client.structure import (
    NOT_PERIODIC,
    Floats,
    Structure,
    StructureLike,
    atomic_numbers,
    rows_of_three,
)

Bools: TypeAlias = npt.NDArray[np.bool_]
Integers: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Structures(Sequence[Structure]):
    """Many structures, one after another: structure k owns ``counts[k]`` consecutive atoms.

    An index gives a `Structure`, a slice `Structures`, both of views. Arrays cannot be written to.
    """

    counts: Integers  # (structures,) atoms of each
    numbers: npt.NDArray[np.uint8]  # (atoms,) atomic numbers
    positions: Floats  # (atoms, 3) Å
    cells: (
        Floats | None
    )  # (structures, 3, 3) Å, rows are lattice vectors, zeros for none; None: all have none
    pbc: Bools | None  # (structures, 3) which lattice vectors repeat; None: nothing does
    charges: Floats | None  # (structures,) e; None: all are neutral
    spins: Integers | None  # (structures,) multiplicities, 0 for not given; None: all are not
    ids: tuple[str, ...]  # (structures,); empty: none has one
    offsets: Integers  # (structures + 1,) first atom of each and, last, the number of atoms

    def __init__(
        self,
        counts: npt.ArrayLike,
        numbers: npt.ArrayLike,
        positions: npt.ArrayLike,
        cells: npt.ArrayLike | None = None,
        pbc: npt.ArrayLike | None = None,
        charges: npt.ArrayLike | None = None,
        spins: npt.ArrayLike | None = None,
        ids: Sequence[str] = (),
    ) -> None:
        """Copy what is given; raises `InputError` for wrong shapes and numbers of atoms that disagree."""
        sizes = whole_numbers("counts", optional.EACH, counts)
        self._hold(
            sizes,
            atomic_numbers(numbers),
            rows_of_three(positions),
            optional.cells_of(cells, len(sizes)),
            optional.pbc_of(pbc, len(sizes)),
            optional.charges_of(charges, len(sizes)),
            optional.spins_of(spins, len(sizes)),
            tuple(map(str, ids)),
        )
        self._check()

    @classmethod
    def of(cls, structures: Iterable[StructureLike]) -> Structures:
        """Return structures of any kind as one batch; raises `InputError` that names the first bad one."""
        if isinstance(structures, Structures):
            return structures
        one = isinstance(structures, (str, Path, Mapping)) or hasattr(structures, "get_atomic_numbers")
        if one or not isinstance(structures, Iterable):
            message = f"`structures` must be an iterable of structures, got {type(structures).__name__}"
            raise InputError(message, reason="WRONG_TYPE", field="structures")
        return cls._of([_structure(index, value) for index, value in enumerate(structures)])

    @classmethod
    def load(cls, path: Path | str) -> Structures:
        """Return the structures of an .npz file with flat arrays, named ``FILE@INDEX``.

        It has ``n_atoms``, ``numbers`` and ``positions`` or ``scaled_positions``; ``cell_A`` makes structures
        periodic. Raises `UnreadableFileError` that names what is wrong.
        """
        from atomlens.client.flat_file import read_flat

        return read_flat(Path(path))

    @classmethod
    def concatenate(cls, parts: Sequence[Structures]) -> Structures:
        """Return the structures of all parts, in order."""
        if len(parts) == 1:
            return parts[0]
        named = any(part.ids for part in parts)
        return cls._made(
            np.concatenate([np.zeros(0, np.int64), *(part.counts for part in parts)]),
            np.concatenate([np.zeros(0, np.uint8), *(part.numbers for part in parts)]),
            np.concatenate([np.zeros((0, 3)), *(part.positions for part in parts)]),
            *(
                optional.joined([(getattr(part, name), len(part)) for part in parts])
                for name in ("cells", "pbc", "charges", "spins")
            ),
            tuple(chain.from_iterable(part.ids or ("",) * len(part) for part in parts)) if named else (),
        )

    def __len__(self) -> int:
        return len(self.counts)

    @overload
    def __getitem__(self, index: int) -> Structure: ...
    @overload
    def __getitem__(self, index: slice) -> Structures: ...
    def __getitem__(self, index: int | slice) -> Structure | Structures:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return self.take(np.arange(start, stop, step))
            return self._part(slice(start, max(start, stop)), self.ids[index])
        place = range(len(self))[operator.index(index)]
        return self._one(place, int(self.offsets[place]), int(self.offsets[place + 1]))

    def __iter__(self) -> Iterator[Structure]:
        for place, (first, stop) in enumerate(pairwise(self.offsets.tolist())):
            yield self._one(place, first, stop)

    def __reduce__(self) -> tuple[type[Structures], tuple[Any, ...]]:
        """Copy and pickle through the constructor: arrays come out of a pickle writable."""
        return type(self), tuple(getattr(self, field.name) for field in fields(self)[:-1])

    def __repr__(self) -> str:
        return f"<Structures: {len(self)} of {len(self.numbers)} atoms>"

    def take(self, places: Integers) -> Structures:
        """Return a copy of the structures at ``places`` (any number of them), in that order."""
        return self._part(places, tuple(self.ids[place] for place in places.tolist()) if self.ids else ())

    def atoms_of(self, places: slice | Integers) -> slice | Integers:
        """Return where the atoms of a run of structures, or of those at some places, are."""
        if isinstance(places, slice):
            return slice(int(self.offsets[places.start]), int(self.offsets[places.stop]))
        counts = self.counts[places]
        moved = self.offsets[places] - np.cumsum(counts) + counts
        atoms: Integers = np.repeat(moved, counts) + np.arange(counts.sum())
        return atoms

    @classmethod
    def _made(cls, *values: Any) -> Structures:
        """Return a batch of arrays that are right and nobody else's."""
        made = object.__new__(cls)
        made._hold(*values)
        return made

    @classmethod
    def _of(cls, structures: list[Structure]) -> Structures:
        counts, ids = [len(one.numbers) for one in structures], [one.id for one in structures]
        charges, spins = [one.charge for one in structures], [one.spin for one in structures]
        check_size(max(counts, default=0))
        return cls._made(
            np.array(counts, np.int64),
            _rows([one.numbers for one in structures] or [np.zeros(0, np.uint8)]),
            _rows([one.positions for one in structures] or [np.zeros((0, 3))]),
            optional.gathered_cells([one.cell for one in structures]),
            optional.gathered_pbc([one.pbc for one in structures]),
            np.array(charges) if any(charges) else None,
            np.array(spins, np.int64) if any(spins) else None,
            tuple(ids) if any(ids) else (),
        )

    def _part(self, places: slice | Integers, ids: tuple[str, ...]) -> Structures:
        atoms = self.atoms_of(places)
        wholes = (self.cells, self.pbc, self.charges, self.spins)
        return self._made(
            self.counts[places],
            self.numbers[atoms],
            self.positions[atoms],
            *(None if whole is None else whole[places] for whole in wholes),
            ids,
        )

    def _one(self, place: int, first: int, stop: int) -> Structure:
        cell = None if self.cells is None else self.cells[place]
        return Structure.unchecked(
            self.numbers[first:stop],
            self.positions[first:stop],
            cell if cell is not None and cell.any() else None,
            NOT_PERIODIC if self.pbc is None else self.pbc[place],
            0.0 if self.charges is None else float(self.charges[place]),
            0 if self.spins is None else int(self.spins[place]),
            self.ids[place] if self.ids else "",
        )

    def _hold(self, *values: Any) -> None:
        offsets = np.zeros(len(values[0]) + 1, np.int64)
        values[0].cumsum(out=offsets[1:])
        for name, value in zip(self.__dataclass_fields__, (*values, offsets), strict=True):
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)

    def _check(self) -> None:
        atoms = int(self.offsets[-1])
        for name, found in (("numbers", len(self.numbers)), ("positions", len(self.positions))):
            if found != atoms:
                message = f"`{name}` must have a row for each of {atoms} atoms in `counts`, got {found}"
                raise InputError(message, reason="WRONG_SHAPE", field=name)
        if self.ids and len(self.ids) != len(self):
            message = f"`ids` must be none or one for each of {len(self)} structures, got {len(self.ids)}"
            raise InputError(message, reason="WRONG_SHAPE", field="ids")
        check_size(int(self.counts.max(initial=0)))


def _rows(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return the rows of all parts; those of one without a copy."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _structure(index: int, value: StructureLike) -> Structure:
    try:
        return value if isinstance(value, Structure) else Structure.of(value)
    except AtomLensError as error:
        field = f"structures[{index}]" + (f".{error.field}" if error.field else "")
        raise InputError(f"`structures[{index}]`: {error}", reason=error.reason, field=field) from error
