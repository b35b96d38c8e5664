"""Ledger: which structures of a stream are sent, answered and given out."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from atomlens.client.errors import InternalError
from atomlens.client.explanation import Outcome
from atomlens.client.failure import Failure
from atomlens.client.structure import Structure


@dataclass(slots=True)
class Entry:
    """One structure on its way."""

    id: int
    structure: Structure
    outcome: Outcome | None = None


class Ledger:
    """What has entered a stream and not yet left it, bounded in atoms.

    In order, an answer leaves when all before it have left; otherwise at once.
    """

    def __init__(self, window_atoms: int, ordered: bool) -> None:
        self._window_atoms = window_atoms
        self._ordered = ordered
        self._atoms = 0
        self._next_id = 0
        self._line: deque[Entry | Failure] = deque()
        self._unanswered: dict[int, Entry] = {}

    @property
    def has_room(self) -> bool:
        """Whether more may enter."""
        return self._atoms < self._window_atoms

    @property
    def is_empty(self) -> bool:
        """Whether everything that entered has left."""
        return not self._line and not self._unanswered

    @property
    def unanswered(self) -> list[Entry]:
        """What must be sent again on another connection, in order of entry."""
        return list(self._unanswered.values())

    def enter(self, items: Sequence[Structure | Failure]) -> list[Entry]:
        """Take in structures, and failures that need no answer; return what is to be sent."""
        entries = []
        for item in items:
            if isinstance(item, Failure):
                self._line.append(item)
                self._atoms += 1
                continue
            entry = Entry(self._next_id, item)
            self._next_id += 1
            self._unanswered[entry.id] = entry
            self._atoms += _weight(item)
            entries.append(entry)
            if self._ordered:
                self._line.append(entry)
        return entries

    def structures(self, ids: Sequence[int]) -> list[Structure]:
        """Return the structures that answers with these ids belong to."""
        if len(set(ids)) < len(ids):
            raise InternalError("the server answered one id twice")
        try:
            return [self._unanswered[id_].structure for id_ in ids]
        except KeyError as error:
            raise InternalError(
                f"the server answered id {error.args[0]}, which waits for no answer"
            ) from error

    def settle(self, ids: Sequence[int], outcomes: Sequence[Outcome]) -> None:
        """Note the answers to ids."""
        for id_, outcome in zip(ids, outcomes, strict=True):
            entry = self._unanswered.pop(id_)
            entry.outcome = outcome
            if not self._ordered:
                self._line.append(entry)

    def leave(self) -> list[Outcome]:
        """Return what may be given out now."""
        ready: list[Outcome] = []
        while self._line:
            first = self._line[0]
            outcome = first if isinstance(first, Failure) else first.outcome
            if outcome is None:
                break
            self._line.popleft()
            self._atoms -= 1 if isinstance(first, Failure) else _weight(first.structure)
            ready.append(outcome)
        return ready


def _weight(structure: Structure) -> int:
    """Return the atoms that a structure counts for; an empty one counts too."""
    return max(len(structure), 1)
