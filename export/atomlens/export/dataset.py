"""Dataset: labelled structures, split into training, validation and test."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from atomlens.server.structures import Floats, Structures

SPLITS = ("training", "validation", "test")


class DataError(ValueError):
    """A training file that cannot be used; the message names the field and the rule."""


@dataclass(frozen=True)
class Dataset:
    """Structures with one label each and the part of the split they belong to."""

    structures: Structures
    labels: Floats  # (structures,) in `unit`
    split: npt.NDArray[np.uint8]  # (structures,) 0 training, 1 validation, 2 test
    label: str
    unit: str  # eV, eV/atom, e·Å or Å²
    source: str

    def part(self, index: int) -> Dataset:
        """Return the structures of one part of the split."""
        rows = np.flatnonzero(self.split == index)
        return replace(
            self, structures=self.structures.take(rows), labels=self.labels[rows], split=self.split[rows]
        )

    @property
    def sizes(self) -> dict[str, int]:
        """How many structures each part has."""
        return {name: int((self.split == index).sum()) for index, name in enumerate(SPLITS)}

    @property
    def elements(self) -> tuple[int, ...]:
        """The atomic numbers that occur in the training part, ascending."""
        return tuple(int(number) for number in np.unique(self.part(0).structures.numbers))

    def check(self) -> Dataset:
        """Return the dataset itself.

        Raises:
            DataError: it breaks one of the rules in the body.
        """
        structures = self.structures
        for name, values in ((self.label, self.labels), ("positions", structures.positions)):
            finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
            _require(finite.all(), f"`{name}` must be finite, row {int(finite.argmin())} is not")
        empty = int(structures.counts.argmin())
        _require(structures.counts[empty] > 0, f"`n_atoms` must be positive, structure {empty} is empty")
        strange = sorted(set(structures.numbers.tolist()) - set(range(1, 119)))
        _require(not strange, f"`numbers` must be 1 to 118, got {strange}")
        _require(min(self.sizes.values()) > 0, f"`split` must leave no part empty, got {self.sizes}")
        _require(
            self.sizes["training"] > 1, f"`split` must leave two structures to train on, got {self.sizes}"
        )
        unseen = sorted(set(structures.numbers.tolist()) - set(self.elements))
        _require(not unseen, f"`numbers` has elements that the training part lacks: {unseen}")
        moment = self.unit in ("e·Å", "Å²") and bool(structures.pbc.any())
        _require(not moment, f"`{self.label}` is a moment, which a periodic structure does not have")
        return self


def _require(rule: bool | np.bool_, message: str) -> None:
    if not rule:
        raise DataError(message)


def random_split(structures: int, seed: int) -> npt.NDArray[np.uint8]:
    """Return a random split of 80, 10 and 10 per cent, with at least one structure in each part."""
    order = np.random.default_rng(seed).permutation(structures)
    held_out = max(structures // 10, 1)
    split = np.zeros(structures, np.uint8)
    split[order[:held_out]] = 2
    split[order[held_out : 2 * held_out]] = 1
    return split
