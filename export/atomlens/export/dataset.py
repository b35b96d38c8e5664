"""Dataset: labelled structures, split into training, validation and test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

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
    unit: str  # eV or e·Å
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
            DataError: labels or positions are not finite, structures are empty, a part is empty, or
                an element occurs outside the training part only.
        """
        for name, values in (("label", self.labels), ("positions", self.structures.positions)):
            if not np.isfinite(values).all():
                first = int(np.argwhere(~np.isfinite(values))[0, 0])
                raise DataError(f"`{self.label if name == 'label' else name}` must be finite, row {first} is not")
        if (self.structures.counts < 1).any():
            raise DataError(f"`n_atoms` must be positive, structure {int(self.structures.counts.argmin())} is empty")
        missing = [name for name, size in self.sizes.items() if size == 0]
        if missing:
            raise DataError(f"`split` must leave structures for {', '.join(missing)}, got {self.sizes}")
        unseen = set(np.unique(self.structures.numbers).tolist()) - set(self.elements)
        if unseen:
            raise DataError(f"`numbers` has elements that the training part lacks: {sorted(unseen)}")
        return self


def random_split(structures: int, seed: int) -> npt.NDArray[np.uint8]:
    """Return a random split of 80, 10 and 10 per cent, with at least one structure in each part."""
    order = np.random.default_rng(seed).permutation(structures)
    held_out = max(structures // 10, 1)
    split = np.zeros(structures, np.uint8)
    split[order[:held_out]] = 2
    split[order[held_out : 2 * held_out]] = 1
    return split


