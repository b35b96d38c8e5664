"""Work: admitted structures in the form that one graph takes; what is queued, batched and computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, Self

from atomlens.server.shapes import Shapes
from atomlens.server.structures import Integers

PADDING = 4  # slots of a batch's neighbor table, empty ones included, for each of its cost


class Load(NamedTuple):
    """What work puts on a batch: its cost, and the atoms x slots of its neighbor table."""

    cost: int
    atoms: int
    slots: int

    def joined(self, other: Load) -> Load:
        """Return the load of both together."""
        return Load(self.cost + other.cost, self.atoms + other.atoms, max(self.slots, other.slots))

    def fits(self, batch_cost: int) -> bool:
        """Return whether a batch may be that large: one atom with many neighbors pads all the others."""
        return self.cost <= batch_cost and self.atoms * self.slots <= PADDING * batch_cost


class Padding(NamedTuple):
    """How much of the arrays that a graph reads of work holds a pair of atoms, and how much holds nothing."""

    filled: int
    empty: int


class Work(Protocol):
    """Structures, one after another. Work of one class and one model can be computed together."""

    @property
    def counts(self) -> Integers:
        """Atoms of each structure: (structures,)."""

    @property
    def load(self) -> Load:
        """What the work puts on a batch."""

    def padding(self, shapes: Shapes) -> Padding:
        """Return how full the arrays are, where a provider takes those of ``shapes``."""

    def take(self, chosen: Integers) -> Self:
        """Return the work of the chosen structures, which are in ascending order."""

    def pieces(self, batch_cost: int) -> Iterator[Self]:
        """Yield runs of structures that fit into batches of ``batch_cost``, a costlier one by itself."""

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Return all parts as one, in order."""
