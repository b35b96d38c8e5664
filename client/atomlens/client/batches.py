"""Batches: what a stream is given as, cut into chunks for the wire, and their answers joined again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from atomlens.client.chunking import Chunk, Chunker, cut
from atomlens.client.explanations import Explanations
from atomlens.client.ledger import Answered
from atomlens.client.stream_settings import StreamSettings
from atomlens.client.structures import Structures


class Batches:
    """Remembers where batches end, while small ones are sent together and large ones in parts."""

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._chunker: Chunker[Structures] = Chunker(settings.chunk_atoms, settings.chunk_seconds)
        self._sizes: deque[int] = deque()  # of batches that are not answered
        self._answers: list[Explanations] = []  # to the first of them
        self._answered = 0  # structures of those answers

    def enter(self, batch: Structures) -> Iterator[Chunk]:
        """Take a batch; yield the chunks that it completes."""
        self._sizes.append(len(batch))
        yield from self._chunks(self._chunker.add(batch) or [])

    def rest(self) -> Iterator[Chunk]:
        """Yield the last chunks, when there are no more batches."""
        yield from self._chunks(self._chunker.rest())

    def settle(self, answered: Answered) -> Iterator[Explanations]:
        """Take the next answers in order; yield the batches that they complete."""
        self._answers.append(answered.explanations)
        self._answered += len(answered.explanations)
        if self._sizes[0] <= self._answered:
            yield from self._complete(Explanations.concatenate(self._answers))

    def end(self) -> Iterator[Explanations]:
        """Yield the answers to batches of nothing after the last answer."""
        yield from (Explanations(Structures.of(())) for _ in self._sizes)

    def _chunks(self, batches: list[Structures]) -> Iterator[Chunk]:
        yield from map(Chunk, cut(Structures.concatenate(batches), self._settings.chunk_atoms))

    def _complete(self, answers: Explanations) -> Iterator[Explanations]:
        start = 0
        while self._sizes and self._sizes[0] <= len(answers) - start:
            size = self._sizes.popleft()
            yield answers[start : start + size]
            start += size
        rest = answers[start:]
        self._answers, self._answered = [rest] if len(rest) else [], len(rest)
