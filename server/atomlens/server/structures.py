"""Structures: a ragged batch of molecules and crystals in flat arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from atomlens.server.buffers import Array, decode
from atomlens.server.errors import InputError
from atomlens.server.limits import MAX_STRUCTURES
from atomlens.v1 import structures_pb2

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Structures:
    """Many structures, one after another: structure k owns ``counts[k]`` consecutive atoms."""

    counts: Integers  # (structures,)
    numbers: Integers  # (atoms,)
    positions: Floats  # (atoms, 3) Å
    cells: Floats  # (structures, 3, 3) Å, rows are lattice vectors, zeros for none
    pbc: npt.NDArray[np.bool_]  # (structures, 3)
    charges: Floats  # (structures,) e
    spins: Integers  # (structures,) multiplicity, 0 for not given

    @classmethod
    def molecules(cls, counts: npt.ArrayLike, numbers: npt.ArrayLike, positions: npt.ArrayLike) -> Structures:
        """Return neutral structures without cells."""
        sizes = np.asarray(counts, np.int64)
        return cls(
            sizes,
            np.asarray(numbers, np.int64),
            np.asarray(positions, np.float64).reshape(-1, 3),
            np.zeros((len(sizes), 3, 3)),
            np.zeros((len(sizes), 3), np.bool_),
            np.zeros(len(sizes)),
            np.zeros(len(sizes), np.int64),
        )

    @classmethod
    def from_proto(cls, message: structures_pb2.Structures) -> Structures:
        """Return the structures that a message holds; nothing but the shapes is checked.

        Raises:
            InputError: buffers disagree with the counts, or there are too many structures.
        """
        counts = decode(message.counts, "<i4", (-1,), "structures.counts").astype(np.int64)
        if len(counts) > MAX_STRUCTURES:
            raise InputError(
                f"`structures` must be at most {MAX_STRUCTURES} in one message, got {len(counts)}",
                "REQUEST_TOO_LARGE",
                "structures.counts",
            )
        if counts.min(initial=0) < 0:
            raise InputError(f"`counts` must not be negative, got {counts.min()}", field="structures.counts")
        many, atoms = len(counts), int(counts.sum())

        def optional(name: str, dtype: str, shape: tuple[int, ...]) -> Array:
            """Return the field, or zeros when it was left empty."""
            buffer: bytes = getattr(message, name)
            return decode(buffer, dtype, shape, f"structures.{name}") if buffer else np.zeros(shape, dtype)

        return cls(
            counts,
            decode(message.numbers, "u1", (atoms,), "structures.numbers").astype(np.int64),
            decode(message.positions, "<f8", (atoms, 3), "structures.positions"),
            optional("cells", "<f8", (many, 3, 3)),
            optional("pbc", "u1", (many, 3)).astype(np.bool_),
            optional("charges", "<f8", (many,)),
            optional("spins", "<i4", (many,)).astype(np.int64),
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Structures]) -> Structures:
        """Return the structures of all parts, in order."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.counts for part in parts]),
            np.concatenate([part.numbers for part in parts]),
            np.concatenate([part.positions for part in parts]),
            np.concatenate([part.cells for part in parts]),
            np.concatenate([part.pbc for part in parts]),
            np.concatenate([part.charges for part in parts]),
            np.concatenate([part.spins for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def offsets(self) -> Integers:
        """First atom of every structure and, last, the number of atoms: (structures + 1,)."""
        return np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int64)

    @cached_property
    def owners(self) -> Integers:
        """Index of the structure that owns each atom: (atoms,)."""
        return np.repeat(np.arange(len(self)), self.counts)

    @cached_property
    def are_periodic(self) -> bool:
        """Whether any lattice vector of any structure repeats."""
        return bool(np.count_nonzero(self.pbc))

    @cached_property
    def are_plain(self) -> bool:
        """Whether all are neutral molecules without cells, whose multiplicities are not given."""
        return not (self.are_periodic or any(map(np.count_nonzero, (self.cells, self.charges, self.spins))))

    @cached_property
    def complete_cells(self) -> Floats:
        """Cells with a unit vector across the others wherever nothing repeats: (structures, 3, 3)."""
        cells = self.cells.copy()
        cells[~self.pbc.any(1)] = np.eye(3)
        for row in np.flatnonzero(self.pbc.any(1) & ~self.pbc.all(1)):
            cells[row] = _completed(cells[row], self.pbc[row])
        return cells

    @cached_property
    def placed(self) -> Structures:
        """The same structures with molecules centred and crystals wrapped, so that float32 can hold them."""
        cells = self.complete_cells[self.owners]  # (atoms, 3, 3)
        positions = self.positions - self.means(self.positions)[self.owners]
        if self.pbc.any():
            scaled = np.linalg.solve(cells.transpose(0, 2, 1), positions[:, :, None])[:, :, 0]
            whole = np.where(self.pbc[self.owners], np.floor(scaled), 0.0)
            positions = positions - np.einsum("ax,axy->ay", whole, cells)
        return replace(self, positions=positions)

    @cached_property
    def boxes(self) -> tuple[Floats, Floats]:
        """Lowest and highest coordinates of every structure, none of them empty: (structures, 3) each."""
        if not len(self):
            return np.zeros((0, 3)), np.zeros((0, 3))
        starts = self.offsets[:-1]
        return np.minimum.reduceat(self.positions, starts), np.maximum.reduceat(self.positions, starts)

    def sums(self, values: Floats) -> Floats:
        """Return the sum of atomic ``values`` (atoms, ...) over each structure: (structures, ...)."""
        if values.ndim == 1:
            total: Floats = np.bincount(self.owners, values, len(self))  # type: ignore[assignment]
            return total
        columns = values.reshape(len(values), math.prod(values.shape[1:])).T
        totals: list[Floats] = [np.bincount(self.owners, column, len(self)) for column in columns]  # type: ignore[misc]
        return np.stack(totals, 1).reshape(len(self), *values.shape[1:])

    def means(self, values: Floats) -> Floats:
        """Return the mean of atomic ``values`` (atoms, ...) over each structure: (structures, ...)."""
        return self.sums(values) / self.counts.reshape(-1, *[1] * (values.ndim - 1))

    def atoms_of(self, chosen: Integers) -> Integers:
        """Return the atoms of the ``chosen`` structures, in their order."""
        return ragged_arange(self.offsets[chosen], self.counts[chosen])

    def only(self, rows: Integers) -> Structures:
        """Return the structures with these indices, in that order; themselves where that changes nothing."""
        return self if self.has_all_in_order(rows) else self.take(rows)

    def has_all_in_order(self, rows: Integers) -> bool:
        """Return whether different indices are all there are, from the first to the last."""
        many = len(self)
        return len(rows) == many and (many == 1 or bool((rows == np.arange(many)).all()))

    def take(self, chosen: npt.ArrayLike) -> Structures:
        """Return the structures with the ``chosen`` indices, in that order."""
        rows = np.asarray(chosen, np.int64)
        atoms = self.atoms_of(rows)
        return Structures(
            self.counts[rows],
            self.numbers[atoms],
            self.positions[atoms],
            self.cells[rows],
            self.pbc[rows],
            self.charges[rows],
            self.spins[rows],
        )


def ragged_arange(starts: Integers, counts: Integers) -> Integers:
    """Return the concatenated ranges ``start, start + 1, ... start + count - 1``."""
    ends = np.cumsum(counts)
    skips = starts - np.concatenate([[0], ends[:-1]]).astype(np.int64) if len(counts) else starts
    return np.arange(ends[-1] if len(ends) else 0, dtype=np.int64) + np.repeat(skips, counts)


def _completed(cell: Floats, pbc: npt.NDArray[np.bool_]) -> Floats:
    """Return a cell whose vectors along directions that do not repeat are unit vectors across the others."""
    _, _, across = np.linalg.svd(cell[pbc])
    completed = cell.copy()
    completed[~pbc] = across[pbc.sum() :]
    return completed
