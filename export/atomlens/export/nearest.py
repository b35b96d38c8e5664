"""Nearest: how far each atom is from the atom nearest to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from atomlens.server.neighbors import find_pairs
from atomlens.server.structures import Floats, Integers, Structures

REACH_ANGSTROM = 3.0  # bonds are shorter, also where their lengths are in Bohr
AT_ONCE = 5000  # structures


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest neighbor of each atom, an image of an atom being one too."""

    distances: Floats  # (atoms,) Å, infinite where nobody is within reach
    partners: Integers  # (atoms,)

    @classmethod
    def of(cls, structures: Structures) -> Nearest:
        """Return the nearest neighbors within `REACH_ANGSTROM`."""
        distances = np.full(len(structures.numbers), np.inf)
        partners = np.zeros(len(structures.numbers), np.int64)
        for first in range(0, len(structures), AT_ONCE):
            rows = np.arange(first, min(first + AT_ONCE, len(structures)))
            part, start = structures.take(rows), structures.offsets[first]
            pairs = find_pairs(part, REACH_ANGSTROM)
            vectors = part.positions[pairs.neighbors] + pairs.shifts - part.positions[pairs.centers]
            lengths = np.sqrt((vectors**2).sum(1))
            atoms, begins, degrees = np.unique(pairs.centers, return_index=True, return_counts=True)
            closest = np.minimum.reduceat(lengths, begins) if len(begins) else lengths
            hits = np.flatnonzero(lengths == np.repeat(closest, degrees))
            _, one_each = np.unique(pairs.centers[hits], return_index=True)
            distances[atoms + start] = closest
            partners[atoms + start] = pairs.neighbors[hits[one_each]] + start
        return cls(distances, partners)

    def ratios(self, structures: Structures) -> Floats:
        """Return a structure's median of distance over the median of all such distances: (structures,).

        Distances of one kind are those from an element to an element; NaN where nobody is near anybody.
        """
        found = np.flatnonzero(np.isfinite(self.distances))
        numbers, distances = structures.numbers, self.distances[found]
        _, kinds = np.unique(numbers[found] * 1000 + numbers[self.partners[found]], return_inverse=True)
        relative = distances / _medians(distances, kinds)[kinds]
        medians = np.full(len(structures), np.nan)
        owners, groups = np.unique(structures.owners[found], return_inverse=True)
        medians[owners] = _medians(relative, groups)
        return medians


def _medians(values: Floats, groups: Integers) -> Floats:
    """Return the lower median of the values of each group: (groups,)."""
    order = np.lexsort((values, groups))
    counts = np.bincount(groups)
    return np.asarray(values[order][np.cumsum(counts) - counts + (counts - 1) // 2])
