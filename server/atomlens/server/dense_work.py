"""Dense work: small molecules in padded arrays, for the graph that finds their pairs itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from atomlens.server.shapes import EXACT, Shapes
from atomlens.server.structures import Integers, Structures, ragged_arange
from atomlens.server.work import Load, Padding

MOST_ATOMS = 48  # of a molecule; beyond, most pairs are further apart than the cutoff and a table is faster
WIDEST_ANGSTROM = 64.0  # that a molecule may be: float32 tells places in it apart to 2e-6 Å

Mask = npt.NDArray[np.bool_]
Narrow = npt.NDArray[np.float32]


class Padded(NamedTuple):
    """Molecules of nearly equal size as the dense graph reads them."""

    numbers: Integers  # (molecules, slots), 0 for none
    positions: Narrow  # (molecules, slots, 3) Å
    real: Mask  # (molecules, slots)
    atoms: Integers  # (atoms of these molecules,) which of the work's atoms the real slots are


@dataclass(frozen=True, slots=True)
class DenseWork:
    """Small molecules, each about its own centre."""

    counts: Integers  # (structures,)
    costs: Integers  # (structures,) atoms + pairs
    numbers: Integers  # (atoms,)
    positions: Narrow  # (atoms, 3) Å

    @classmethod
    def of(cls, structures: Structures, costs: Integers) -> DenseWork:
        """Return the work of structures that are small, with their costs (structures,)."""
        return cls(structures.counts, costs, structures.numbers, centred(structures))

    @property
    def load(self) -> Load:
        """What the work puts on a batch: it has no neighbor table."""
        return Load(int(self.costs.sum()), len(self.numbers), 1)

    def take(self, chosen: Integers) -> DenseWork:
        """Return the work of the chosen structures, which are in ascending order."""
        if len(chosen) == len(self.counts):
            return self
        starts = np.cumsum(self.counts) - self.counts
        atoms = ragged_arange(starts[chosen], self.counts[chosen])
        return DenseWork(self.counts[chosen], self.costs[chosen], self.numbers[atoms], self.positions[atoms])

    def pieces(self, batch_cost: int) -> Iterator[DenseWork]:
        """Yield runs of structures that fit into batches of ``batch_cost``, a costlier one by itself."""
        if self.load.fits(batch_cost):
            if len(self.counts):
                yield self
            return
        totals, ends = np.cumsum(self.costs), np.cumsum(self.counts)
        first = atom = 0
        while first < len(totals):
            spent = totals[first - 1] if first else 0
            last = max(int(np.searchsorted(totals, spent + batch_cost, side="right")), first + 1)
            mine, atoms = slice(first, last), slice(atom, int(ends[last - 1]))
            yield DenseWork(self.counts[mine], self.costs[mine], self.numbers[atoms], self.positions[atoms])
            first, atom = last, atoms.stop

    def runs(self, shapes: Shapes = EXACT) -> Iterator[Padded]:
        """Yield the molecules in padded arrays, similar sizes together so that little is padded."""
        if len(self.counts) == 1 and len(self.numbers) % shapes.step == 0:
            yield self._lone()
            return
        starts = np.cumsum(self.counts) - self.counts
        for rows, shape in self._cut(shapes):
            yield self._padded(starts[rows, None], self.counts[rows, None], shape)

    def padding(self, shapes: Shapes) -> Padding:
        """Return how full the arrays of `runs` are."""
        if len(self.counts) == 1 and len(self.numbers) % shapes.step == 0:
            return Padding(len(self.numbers) ** 2, 0)
        filled, slots = (
            int((self.counts**2).sum()),
            sum(rows * most**2 for _, (rows, most) in self._cut(shapes)),
        )
        return Padding(filled, slots - filled)

    def _cut(self, shapes: Shapes) -> Iterator[tuple[Integers, tuple[int, int]]]:
        """Yield which molecules go into one array, and its (molecules, slots)."""
        order = np.argsort(self.counts, kind="stable")
        slots = shapes.slots(self.counts[order])
        while len(order):
            pairs = np.arange(1, len(order) + 1) * slots**2
            many = max(int(np.searchsorted(pairs, shapes.pairs, side="right")), 1)
            many = min(many, shapes.most_molecules(int(slots[many - 1])))
            yield order[:many], (shapes.molecules(many), int(slots[many - 1]))
            order, slots = order[many:], slots[many:]

    def _lone(self) -> Padded:
        """Return the only molecule, which needs no padding."""
        atoms = np.arange(len(self.numbers))
        return Padded(self.numbers[None], self.positions[None], atoms[None] >= 0, atoms)

    def _padded(self, starts: Integers, counts: Integers, shape: tuple[int, int]) -> Padded:
        """Return molecules, whose first atoms and sizes are (molecules, 1), with empty ones for the shape."""
        if shape[0] > len(counts):
            empty = np.zeros((shape[0] - len(counts), 1), np.int64)
            starts, counts = np.concatenate([starts, empty]), np.concatenate([counts, empty])
        slots = np.arange(shape[1])
        real = slots < counts
        atoms = np.where(real, starts + slots, 0)  # (molecules, slots)
        numbers, positions = self.numbers.take(atoms), self.positions.take(atoms, 0)
        numbers *= real
        positions *= real[:, :, None]
        return Padded(numbers, positions, real, atoms[real])

    @classmethod
    def join(cls, parts: Sequence[DenseWork]) -> DenseWork:
        """Return all parts as one, in order."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.counts for part in parts]),
            np.concatenate([part.costs for part in parts]),
            np.concatenate([part.numbers for part in parts]),
            np.concatenate([part.positions for part in parts]),
        )


def are_small(structures: Structures) -> Mask:
    """Return which structures, none of them empty, the dense graph can take: (structures,)."""
    low, high = structures.boxes
    narrow = (high - low).max(1, initial=0.0) <= WIDEST_ANGSTROM
    small: Mask = narrow & (structures.counts <= MOST_ATOMS) & ~structures.pbc.any(1)
    return small


def centred(structures: Structures) -> Narrow:
    """Return positions from the middle of each structure's box on: (atoms, 3) Å.

    The middle does not depend on the order of atoms, nor on what is beside the structure.
    """
    low, high = structures.boxes
    middles = 0.5 * (low + high)
    positions: Narrow = (structures.positions - middles.take(structures.owners, 0)).astype(np.float32)
    return positions
