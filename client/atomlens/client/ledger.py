"""Ledger: which structures of a stream are sent, answered and given out."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

from atomlens.client.chunking import Chunk
from atomlens.client.errors import InternalError
from atomlens.client.explanation import Outcome
from atomlens.client.explanations import Explanations
from atomlens.client.structures import Integers, Structures

NOTHING = Structures.of(())
Read: TypeAlias = "Callable[[Structures], Explanations]"


class Sending(NamedTuple):
    """Structures to send, and the ids to send them under."""

    ids: Integers  # (structures,)
    structures: Structures


class Answered(NamedTuple):
    """What may be given out: a chunk with the answers to its structures."""

    chunk: Chunk
    explanations: Explanations

    def outcomes(self) -> Iterator[Outcome]:
        """Yield the outcome of each item of the chunk, in order."""
        return self.chunk.outcomes(self.explanations)


class _Run:
    """A chunk under way: its structures have consecutive ids, and some of them answers."""

    def __init__(self, first: int, chunk: Chunk) -> None:
        self.first, self.chunk = first, chunk
        self.waits = np.ones(len(chunk.structures), np.bool_)
        self._answers: list[tuple[Integers, Explanations]] = []

    @property
    def unanswered(self) -> Sending:
        """What of it is to be sent."""
        places, structures = np.flatnonzero(self.waits), self.chunk.structures
        if len(places) < len(structures):
            structures = structures.take(places)
        return Sending(self.first + places, structures)

    def waits_for(self, id_: int) -> bool:
        """Whether a structure with this id is here and has no answer."""
        place = id_ - self.first
        return 0 <= place < len(self.waits) and bool(self.waits[place])

    def settle(self, places: Integers, explanations: Explanations) -> None:
        self.waits[places] = False
        self._answers.append((places, explanations))

    def answered(self) -> Answered:
        """Return the whole chunk with its answers in order."""
        explanations = Explanations.concatenate([answers for _, answers in self._answers])
        places = np.concatenate([np.zeros(0, np.int64), *(places for places, _ in self._answers)])
        if (np.diff(places) < 0).any():
            explanations = explanations.take(np.argsort(places))
        return Answered(self.chunk, explanations)


class Ledger:
    """What has entered a stream and not yet left it, bounded in atoms.

    In order, a chunk leaves when it is answered and all before it have left, otherwise answers as they come.
    """

    def __init__(self, window_atoms: int, ordered: bool) -> None:
        self._window_atoms = window_atoms
        self._ordered = ordered
        self._atoms = 0
        self._next_id = 0
        self._waiting: dict[int, _Run] = {}  # by first id
        self._line: deque[_Run] = deque()  # in order: those that have not left
        self._ready: deque[Answered] = deque()  # otherwise: what has not left

    @property
    def has_room(self) -> bool:
        """Whether more may enter."""
        return self._atoms < self._window_atoms

    @property
    def is_empty(self) -> bool:
        """Whether everything that entered has left."""
        return not (self._line or self._ready or self._waiting)

    @property
    def is_answered(self) -> bool:
        """Whether everything that was sent is answered."""
        return not self._waiting

    @property
    def unanswered(self) -> list[Sending]:
        """What must be sent again on another connection, in order of entry."""
        return [run.unanswered for run in self._waiting.values()]

    def enter(self, chunk: Chunk) -> Sending:
        """Take in a chunk; return what of it is to be sent."""
        run = _Run(self._next_id, chunk)
        self._next_id += len(chunk.structures)
        self._atoms += chunk.weight
        if len(chunk.structures):
            self._waiting[run.first] = run
        if self._ordered:
            self._line.append(run)
        elif chunk.failures:
            self._ready.append(Answered(Chunk.of([*chunk.failures.values()]), Explanations(NOTHING)))
        return run.unanswered

    def settle(self, ids: Integers, read: Read) -> None:
        """Note the answers to ids; ``read`` makes them of the structures that they belong to.

        Raises `InternalError` where an id waits for no answer.
        """
        run = self._waiting.get(int(ids[0])) if len(ids) else None
        if run is None or not np.array_equal(ids, run.unanswered.ids):  # as a whole is sent and comes
            self._settle_parts(ids, read)
            return
        self._note(run, ids - run.first, read(run.unanswered.structures))

    def leave(self) -> Iterator[Answered]:
        """Yield what may be given out now."""
        while self._line and not self._line[0].waits.any():
            self._ready.append(self._line.popleft().answered())
        while self._ready:
            answered = self._ready.popleft()
            self._atoms -= answered.chunk.weight
            yield answered

    def _settle_parts(self, ids: Integers, read: Read) -> None:
        """Settle answers to any parts of any chunks, in any order."""
        if len(np.unique(ids)) < len(ids):
            raise InternalError("the server answered one id twice")
        runs = [self._owner(id_) for id_ in ids.tolist()]
        structures = [
            run.chunk.structures[id_ - run.first] for run, id_ in zip(runs, ids.tolist(), strict=True)
        ]
        explanations = read(Structures.of(structures))
        for run in dict.fromkeys(runs):
            rows = np.array([row for row, owner in enumerate(runs) if owner is run])
            self._note(run, ids[rows] - run.first, explanations.take(rows))

    def _owner(self, id_: int) -> _Run:
        firsts = list(self._waiting)
        place = bisect_right(firsts, id_) - 1
        if place < 0 or not self._waiting[firsts[place]].waits_for(id_):
            raise InternalError(f"the server answered id {id_}, which waits for no answer")
        return self._waiting[firsts[place]]

    def _note(self, run: _Run, places: Integers, explanations: Explanations) -> None:
        run.settle(places, explanations)
        if not run.waits.any():
            del self._waiting[run.first]
        if not self._ordered:
            self._ready.append(Answered(Chunk(explanations.structures), explanations))
