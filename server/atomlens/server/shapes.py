"""Shapes: how large the padded arrays are that a provider computes at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from atomlens.server.structures import Integers


@dataclass(frozen=True, slots=True)
class Shapes:
    """Bounds and steps of (molecules, slots). A provider that keeps memory for every shape needs few."""

    pairs: int  # molecules · slots² at most, but for a single molecule
    step: int  # slots are a multiple of it
    doubling: bool  # whether molecules are a power of two

    def slots(self, atoms: Integers) -> Integers:
        """Return the slots for molecules of so many atoms each: (molecules,)."""
        rounded: Integers = -(-atoms // self.step) * self.step
        return rounded

    def most_molecules(self, slots: int) -> int:
        """Return how many molecules with so many slots may be computed at once."""
        most = max(self.pairs // slots**2, 1)
        return 1 << most.bit_length() - 1 if self.doubling else most

    def molecules(self, many: int) -> int:
        """Return the rows for so many molecules."""
        return 1 << (many - 1).bit_length() if self.doubling else many

    def largest(self, most_atoms: int) -> Iterator[tuple[int, int]]:
        """Yield the largest (molecules, slots) of each number of slots up to ``most_atoms``."""
        for slots in range(self.step, most_atoms + self.step, self.step):
            yield self.most_molecules(slots), slots


# 10,000 pairs of slots, as of 30 molecules of 18 atoms, stay in a core's cache; measured with both families.
EXACT = Shapes(10_000, 1, False)
# Not measured: enough to occupy a GPU, 512 molecules of 18 atoms.
ROUNDED = Shapes(300_000, 8, True)
SHAPES = {"cpu": EXACT, "cuda": ROUNDED, "cuda-tf32": ROUNDED}
