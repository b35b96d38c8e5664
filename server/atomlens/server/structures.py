"""Structures: a ragged batch of molecules and crystals in flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

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

    def sums(self, values: Floats) -> Floats:
        """Return the sum of atomic ``values`` (atoms, ...) over each structure: (structures, ...)."""
        totals = np.zeros((len(self), *values.shape[1:]))
        np.add.at(totals, self.owners, values)
        return totals

    def means(self, values: Floats) -> Floats:
        """Return the mean of atomic ``values`` (atoms, ...) over each structure: (structures, ...)."""
        return self.sums(values) / self.counts.reshape(-1, *[1] * (values.ndim - 1))

    def atoms_of(self, chosen: Integers) -> Integers:
        """Return the atoms of the ``chosen`` structures, in their order."""
        return ragged_arange(self.offsets[chosen], self.counts[chosen])

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
