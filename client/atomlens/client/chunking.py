"""Chunking: items gathered until they are worth a message."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

import numpy as np

from atomlens.client.explanation import Outcome
from atomlens.client.failure import Failure
from atomlens.client.structure import Structure
from atomlens.client.structures import Structures

Item: TypeAlias = "Structure | Failure"
T = TypeVar("T", bound="Structure | Structures | Failure")
MAX_STRUCTURES = 2048  # of one message: if all fail, their reasons still fit into an answer


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Structures to be sent together, and what failed among them before it could be sent."""

    structures: Structures
    failures: Mapping[int, Failure] = field(default_factory=dict)  # by place among all

    @classmethod
    def of(cls, items: Sequence[Item]) -> Chunk:
        """Return items as a chunk."""
        failures = {place: item for place, item in enumerate(items) if isinstance(item, Failure)}
        return cls(Structures.of([item for item in items if isinstance(item, Structure)]), failures)

    @property
    def weight(self) -> int:
        """Atoms that it counts for; an empty structure and a failure count too."""
        return int(np.maximum(self.structures.counts, 1).sum()) + len(self.failures)

    def outcomes(self, answers: Iterable[Outcome]) -> Iterator[Outcome]:
        """Yield the answers to its structures with the failures in their places."""
        if not self.failures:
            yield from answers
            return
        rest = iter(answers)
        for place in range(len(self.structures) + len(self.failures)):
            yield self.failures[place] if place in self.failures else next(rest)


@dataclass(slots=True)
class Chunker(Generic[T]):
    """Gathers about ``atoms`` atoms, fewer when items come slowly."""

    atoms: int
    seconds: float = float("inf")
    _items: list[T] = field(default_factory=list)
    _size: int = 0
    _started: float = 0.0

    def add(self, item: T) -> list[T] | None:
        """Take an item; return the chunk that it completes."""
        if not self._items:
            self._size, self._started = 0, time.monotonic()
        self._items.append(item)
        self._size += 1 if isinstance(item, Failure) else len(item.numbers)
        late = time.monotonic() - self._started >= self.seconds
        full = self._size >= self.atoms or len(self._items) >= MAX_STRUCTURES
        return self.rest() if full or late else None

    def rest(self) -> list[T]:
        """Return what is gathered, and begin again."""
        chunk, self._items = self._items, []
        return chunk


def chunks(items: Iterable[T], chunker: Chunker[T]) -> Iterator[list[T]]:
    """Yield items in chunks."""
    for item in items:
        if chunk := chunker.add(item):
            yield chunk
    if chunk := chunker.rest():
        yield chunk


def cut(structures: Structures, atoms: int) -> Iterator[Structures]:
    """Yield runs of structures of about ``atoms`` atoms, and of not too many structures for a message."""
    offsets, start = structures.offsets, 0
    parts = max(1, round(int(offsets[-1]) / atoms))
    while start < len(structures):
        goal = offsets[start] + max(offsets[-1] / parts, 1)
        full = max(int(np.searchsorted(offsets, goal)), start + 1)
        stop = min(full, start + MAX_STRUCTURES, len(structures))
        yield structures[start:stop]
        start = stop
