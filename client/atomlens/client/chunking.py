"""Chunking: items gathered until they are worth a message."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from atomlens.client.failure import Failure
from atomlens.client.structure import Structure

Item: TypeAlias = "Structure | Failure"
MAX_STRUCTURES = 2048  # of one message: if all fail, their reasons still fit into an answer


@dataclass(slots=True)
class Chunker:
    """Gathers about ``atoms`` atoms, fewer when items come slowly."""

    atoms: int
    seconds: float = float("inf")
    _items: list[Item] = field(default_factory=list)
    _size: int = 0
    _started: float = 0.0

    def add(self, item: Item) -> list[Item] | None:
        """Take an item; return the chunk that it completes."""
        if not self._items:
            self._size, self._started = 0, time.monotonic()
        self._items.append(item)
        self._size += len(item) if isinstance(item, Structure) else 1
        late = time.monotonic() - self._started >= self.seconds
        full = self._size >= self.atoms or len(self._items) >= MAX_STRUCTURES
        return self.rest() if full or late else None

    def rest(self) -> list[Item]:
        """Return what is gathered, and begin again."""
        chunk, self._items = self._items, []
        return chunk


def chunks(items: Iterable[Item], chunker: Chunker) -> Iterator[list[Item]]:
    """Yield items in chunks."""
    for item in items:
        if chunk := chunker.add(item):
            yield chunk
    if chunk := chunker.rest():
        yield chunk
