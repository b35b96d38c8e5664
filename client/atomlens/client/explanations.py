"""Explanations: what a model says about every structure of a batch, in flat arrays."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, overload

import numpy as np

from atomlens.client.batch_head import BatchHead, BatchHeads
from atomlens.client.errors import AtomLensError, InputError
from atomlens.client.explanation import Explanation, ModelReference, Outcome
from atomlens.client.failure import Failure
from atomlens.client.frozen import Frozen, FrozenMapping
from atomlens.client.head import Head, Heads
from atomlens.client.structure import Floats, Structure
from atomlens.client.structures import Bools, Integers, Structures

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Explanations(Frozen, Sequence[Outcome]):
    """A batch with the properties of all heads and the contributions that they are made of.

    An index gives the `Explanation` or `Failure` of one structure, a slice `Explanations`. Each explanation
    keeps the arrays of its batch. The split into atoms is the model's choice; only totals are observable.
    """

    structures: Structures
    heads: Mapping[str, BatchHead] = field(default_factory=dict)
    models: tuple[ModelReference, ...] = ()  # of one version of one model; none where nothing was asked
    failures: Mapping[int, AtomLensError] = field(default_factory=dict)  # by index
    warnings: Mapping[int, tuple[str, ...]] = field(default_factory=dict)  # by index

    def __post_init__(self) -> None:
        """Raise `InputError` for arrays that are not of these structures, and indices that are none."""
        for name, head in self.heads.items():
            if name != head.name:
                raise InputError(f"`heads` must be by name, got `{head.name}` as `{name}`", field="heads")
            head.check(len(self.structures), len(self.structures.numbers))
        self._check_places("failures", self.failures)
        self._check_places("warnings", self.warnings)
        object.__setattr__(self, "heads", BatchHeads(self.heads))
        object.__setattr__(self, "failures", FrozenMapping(self.failures))
        object.__setattr__(self, "warnings", FrozenMapping(self.warnings))

    @classmethod
    def concatenate(cls, parts: Sequence[Explanations]) -> Explanations:
        """Return the answers of all parts, in order; raises `InputError` where versions or heads differ."""
        parts = [part for part in parts if len(part)]
        if len(parts) < 2:
            return parts[0] if parts else cls(Structures.of(()))
        models = tuple(dict.fromkeys(model for part in parts for model in part.models))
        if len({(model.name, model.version, model.digest) for model in models}) > 1:
            names = " and ".join(map(str, models))
            raise InputError(f"`models` must be one version of one model in all parts, got {names}")
        starts = np.cumsum([0, *map(len, parts)]).tolist()
        placed = list(zip(starts, parts, strict=False))
        return cls(
            Structures.concatenate([part.structures for part in parts]),
            _joined([part.heads for part in parts]),
            models,
            {start + index: error for start, part in placed for index, error in part.failures.items()},
            {start + index: words for start, part in placed for index, words in part.warnings.items()},
        )

    @property
    def properties(self) -> dict[str, Floats]:
        """The properties of each head, NaN for structures that failed: (structures,)."""
        return {name: head.properties for name, head in self.heads.items()}

    @property
    def contributions(self) -> dict[str, Floats]:
        """The contributions of each head, NaN for atoms of structures that failed: (atoms,)."""
        return {name: head.contributions for name, head in self.heads.items()}

    @property
    def answered(self) -> Bools:
        """Which structures did not fail: (structures,)."""
        answered = np.ones(len(self), np.bool_)
        answered[list(self.failures)] = False
        return answered

    def __len__(self) -> int:
        return len(self.structures)

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> Explanations: ...
    def __getitem__(self, index: int | slice) -> Outcome | Explanations:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return self.take(np.arange(start, stop, step))
            stop = max(start, stop)
            return self._part(self.structures[start:stop], slice(start, stop), range(start, stop))
        place = range(len(self))[operator.index(index)]
        return self._outcome(place, self.structures[place])

    def __iter__(self) -> Iterator[Outcome]:
        for place, structure in enumerate(self.structures):
            yield self._outcome(place, structure)

    def __repr__(self) -> str:
        heads, models = ", ".join(self.heads), ", ".join(map(str, self.models))
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"<Explanations of {len(self)} structures{failed}: {heads} by {models}>"

    def take(self, places: Integers) -> Explanations:
        """Return a copy of the answers at ``places`` (any number of them), in that order."""
        return self._part(self.structures.take(places), places, places.tolist())

    def _check_places(self, name: str, places: Iterable[int]) -> None:
        for place in places:
            if not 0 <= place < len(self):
                message = f"`{name}` must be of structures 0 to {len(self) - 1}, got {place}"
                raise InputError(message, field=name)

    def _part(self, structures: Structures, places: slice | Integers, indices: Sequence[int]) -> Explanations:
        atoms = self.structures.atoms_of(places)
        return Explanations(
            structures,
            {name: head.part(places, atoms) for name, head in self.heads.items()},
            self.models,
            _picked(self.failures, indices),
            _picked(self.warnings, indices),
        )

    def _outcome(self, place: int, structure: Structure) -> Outcome:
        if place in self.failures:
            model = str(self.models[0]) if self.models else ""
            return Failure(structure.id or str(place), self.failures[place], model, structure)
        warnings = self.warnings[place] if place in self.warnings else ()  # noqa: SIM401  a get raises inside
        return Explanation(structure, _HeadsOfOne(self, place), self.models, warnings)


class _HeadsOfOne(Heads):
    """The heads of one structure of a batch, each cut out when it is first asked for."""

    __slots__ = ("_batch", "_place")

    def __init__(self, batch: Explanations, place: int) -> None:
        super().__init__({})
        self._batch, self._place = batch, place

    def __getitem__(self, name: str) -> Head:
        if name not in self._entries:
            first, stop = self._batch.structures.offsets[self._place : self._place + 2].tolist()
            self._entries[name] = self._batch.heads[name].one(self._place, slice(first, stop))
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._batch.heads

    def __iter__(self) -> Iterator[str]:
        return iter(self._batch.heads)

    def __len__(self) -> int:
        return len(self._batch.heads)

    def __repr__(self) -> str:
        return repr(dict(self))

    def __reduce__(self) -> tuple[type[Heads], tuple[dict[str, Head]]]:
        """Copy and pickle as heads that stand alone, without the rest of the batch."""
        return Heads, (dict(self),)


def _joined(heads: Sequence[Mapping[str, BatchHead]]) -> dict[str, BatchHead]:
    """Return the heads of all parts, each joined."""
    names = {tuple(part) for part in heads}
    if len(names) > 1:
        raise InputError(f"`heads` must be the same in all parts, got {sorted(names)}", field="heads")
    return {name: BatchHead.concatenate([part[name] for part in heads]) for name in names.pop()}


def _picked(entries: Mapping[int, T], indices: Sequence[int]) -> dict[int, T]:
    """Return the entries at indices, by their place among these."""
    if not entries:
        return {}
    return {place: entries[index] for place, index in enumerate(indices) if index in entries}
