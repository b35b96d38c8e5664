"""Async inputs: what an asynchronous client takes, from iterables that are asynchronous or not."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import TypeAlias, TypeVar

from atomlens.client.batches import Batches
from atomlens.client.chunking import Chunk, Chunker, Item
from atomlens.client.inputs import Input, Inputs
from atomlens.client.inputs import read_all as read_all_at_once
from atomlens.client.structure import StructureLike
from atomlens.client.structures import Structures

AsyncInputs: TypeAlias = "Inputs | AsyncIterable[Input]"
AsyncBatches: TypeAlias = "Iterable[Iterable[StructureLike]] | AsyncIterable[Iterable[StructureLike]]"
T = TypeVar("T")


class Tee:
    """One asynchronous iterator for several readers."""

    def __init__(self, source: AsyncIterator[Item], readers: int) -> None:
        self._source = source
        self._ahead: list[deque[Item]] = [deque() for _ in range(readers)]
        self._lock = asyncio.Lock()

    async def branch(self, reader: int) -> AsyncIterator[Item]:
        """Yield every item to one reader."""
        ahead = self._ahead[reader]
        while True:
            async with self._lock:
                if not ahead:
                    item = await anext(self._source, None)
                    if item is None:
                        return
                    for buffer in self._ahead:
                        buffer.append(item)
            yield ahead.popleft()


async def chunked(items: AsyncIterator[Item], chunker: Chunker[Item]) -> AsyncIterator[Chunk]:
    """Yield items in chunks."""
    async for item in items:
        if chunk := chunker.add(item):
            yield Chunk.of(chunk)
    if chunk := chunker.rest():
        yield Chunk.of(chunk)


async def cut(batches: AsyncBatches, asked: Batches) -> AsyncIterator[Chunk]:
    """Yield the chunks that batches are sent in."""
    async for batch in _each(batches):
        for chunk in asked.enter(Structures.of(batch)):
            yield chunk
    for chunk in asked.rest():
        yield chunk


async def _each(values: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    """Yield the values of an iterable, asynchronous or not."""
    if isinstance(values, AsyncIterable):
        async for value in values:
            yield value
        return
    for value in values:
        yield value


async def read_all(structures: AsyncInputs) -> AsyncIterator[Item]:
    """Yield what `read_all` yields, from asynchronous iterables too."""
    if not isinstance(structures, AsyncIterable):
        for item in read_all_at_once(structures):
            yield item
        return
    index = 0
    async for value in structures:
        for item in read_all_at_once([value], index):
            yield item
            index += 1
