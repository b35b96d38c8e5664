"""Ragged: a dataset as tensors, from which batches of any molecules are cut without padding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from ase.data import atomic_masses
from torch import Tensor

from atomlens.export.heads import Surroundings
from atomlens.export.neighborhood import HalfList
from atomlens.export.network import Network
from atomlens.server.neighbors import Pairs, find_pairs
from atomlens.server.structures import Integers, Structures, ragged_arange

PAIRED_AT_ONCE = 5000  # structures: the full list of a large dataset would not fit beside its half


class Batch(NamedTuple):
    """Some structures, ready for a network and its head."""

    numbers: Tensor  # (atoms,)
    prepared: Any
    surroundings: Surroundings
    labels: Tensor  # (structures,) without offsets


class RaggedData:
    """All structures of one part of a dataset with their pairs, each pair once.

    Pairs are found when the object is made. What a network prepares per atom is kept too, so that its
    cost is paid once and not every epoch.
    """

    def __init__(self, structures: Structures, labels: Tensor, network: Network, dtype: torch.dtype) -> None:
        self.structures, self.labels, self.network, self.dtype = structures, labels, network, dtype
        self.positions = _centred(structures)
        self.pairs = half_pairs(structures, network.settings.cutoff_angstrom)
        ends = np.searchsorted(self.pairs.centers, structures.offsets)
        self.pair_offsets, self.pair_counts = ends[:-1], np.diff(ends)
        self.rows = self._prepare_rows() if network.prepares_atoms else None

    def __len__(self) -> int:
        return len(self.structures)

    def batch(self, chosen: Integers) -> Batch:
        """Return the chosen structures as one batch."""
        atoms = self.structures.atoms_of(chosen)
        numbers = torch.from_numpy(self.structures.numbers[atoms])
        around = self.surroundings(chosen)
        prepared = self._prepare(chosen, numbers, around.positions) if self.rows is None else self.rows[atoms]
        return Batch(numbers, prepared, around, self.labels[chosen])

    def surroundings(self, chosen: Integers) -> Surroundings:
        """Return what sums over the chosen structures need."""
        counts = self.structures.counts[chosen]
        owners = torch.from_numpy(np.repeat(np.arange(len(chosen)), counts))
        positions = torch.from_numpy(self.positions[self.structures.atoms_of(chosen)]).to(self.dtype)
        return Surroundings(owners, torch.from_numpy(counts), positions)

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield everything in order."""
        for first in range(0, len(self), size):
            yield self.batch(np.arange(first, min(first + size, len(self))))

    def shuffled(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield full batches of everything in random order, the remainder left out."""
        order = rng.permutation(len(self))
        size = min(size, len(self))
        for first in range(0, len(self) - size + 1, size):
            yield self.batch(order[first : first + size])

    def _prepare(self, chosen: Integers, numbers: Tensor, positions: Tensor) -> Any:
        rows = ragged_arange(self.pair_offsets[chosen], self.pair_counts[chosen])
        counts = self.structures.counts[chosen]
        firsts = np.cumsum(counts) - counts - self.structures.offsets[chosen]
        moved = np.repeat(firsts, self.pair_counts[chosen])
        i = torch.from_numpy(self.pairs.centers[rows] + moved)
        j = torch.from_numpy(self.pairs.neighbors[rows] + moved)
        shifts = self.pairs.shifts[rows]
        periodic = torch.from_numpy(shifts).to(self.dtype) if shifts.any() else None
        return self.network.prepare(numbers, HalfList(positions, i, j, periodic))

    def _prepare_rows(self) -> Tensor:
        parts = []
        for first in range(0, len(self), 1000):
            chosen = np.arange(first, min(first + 1000, len(self)))
            atoms = self.structures.atoms_of(chosen)
            numbers = torch.from_numpy(self.structures.numbers[atoms])
            positions = torch.from_numpy(self.positions[atoms]).to(self.dtype)
            parts.append(self._prepare(chosen, numbers, positions))
        return torch.cat(parts)


def half_pairs(structures: Structures, cutoff_angstrom: float) -> Pairs:
    """Return each pair once: i < j, and of two opposite images of an atom itself the one further along."""
    parts = []
    for chosen in np.array_split(np.arange(len(structures)), len(structures) // PAIRED_AT_ONCE + 1):
        pairs = find_pairs(structures.take(chosen), cutoff_angstrom)
        x, y, z = pairs.shifts.T
        forward = np.where(x != 0, x, np.where(y != 0, y, z)) > 0
        same = pairs.centers == pairs.neighbors
        kept = (pairs.centers < pairs.neighbors) | (same & forward)
        first = structures.offsets[chosen[0]] if len(chosen) else 0
        parts.append((pairs.centers[kept] + first, pairs.neighbors[kept] + first, pairs.shifts[kept]))
    centers, neighbors, shifts = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Pairs(centers, neighbors, shifts)


def _centred(structures: Structures) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return positions about each structure's centre of mass: (atoms, 3)."""
    masses = atomic_masses[structures.numbers][:, None]
    centers = structures.sums(masses * structures.positions) / structures.sums(masses)
    return structures.positions - centers[structures.owners]
