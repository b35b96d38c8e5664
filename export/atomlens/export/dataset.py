"""Dataset: labelled structures, split into training, validation and test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from atomlens.server.elements import SYMBOLS
from atomlens.server.limits import Limits
from atomlens.server.structures import Floats, Structures
from atomlens.server.validation import FLATTEST_CELL

SPLITS = ("training", "validation", "test")
SAME = 1e-9  # relative difference of labels that are one number
MOMENTS = ("e·Å", "Å²")  # units of properties that depend on where the charge is


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
            DataError: it breaks one of the rules of `_broken`.
        """
        broken = next(self._broken(), None)
        if broken is not None:
            raise DataError(f"{self.source}: {broken}")
        return self

    def _broken(self) -> Iterator[str]:
        """Yield what is wrong; each rule may rely on those before it."""
        yield from self._broken_numbers()
        yield from self._broken_structures()
        yield from self._broken_split()
        yield from self._broken_labels()

    def _broken_numbers(self) -> Iterator[str]:
        structures, far = self.structures, Limits().max_coordinate_angstrom
        for name, values in (
            (self.label, self.labels),
            ("positions", structures.positions),
            ("cell", structures.cells),
        ):
            rows = values.reshape(len(values), -1)
            finite = np.isfinite(rows).all(axis=1)
            if not finite.all():
                yield f"`{name}` must be finite, row {int(finite.argmin())} is not"
            if name != self.label and (np.abs(rows) > far).any():
                yield f"`{name}` must lie within {far:g} Å of the origin"

    def _broken_structures(self) -> Iterator[str]:
        structures = self.structures
        empty = int(structures.counts.argmin())
        if structures.counts[empty] <= 0:
            yield f"`n_atoms` must be positive, structure {empty} is empty"
        strange = sorted(set(structures.numbers.tolist()) - set(range(1, 119)))
        if strange:
            yield f"`numbers` must be 1 to 118, got {strange}"
        flat = np.flatnonzero(structures.pbc.any(1) & _flat(structures.complete_cells))
        if len(flat):
            yield f"`cell` must span the directions in which `pbc` is set, in structure {flat[0]} it does not"
        if self.unit in MOMENTS and structures.pbc.any():
            yield f"`{self.label}` is a moment, which a periodic structure does not have"

    def _broken_split(self) -> Iterator[str]:
        if min(self.sizes.values()) == 0:
            yield f"`split` must leave no part empty, got {self.sizes}"
        if self.sizes["training"] < 2:
            yield f"`split` must leave two structures to train on, got {self.sizes}"
        unseen = sorted(set(self.structures.numbers.tolist()) - set(self.elements))
        if unseen:
            symbols = ", ".join(SYMBOLS[number] for number in unseen)
            yield f"`numbers` has elements that the training part lacks, change `split`: {symbols}"

    def _broken_labels(self) -> Iterator[str]:
        if self.unit in MOMENTS and (self.labels < 0).any():
            row = int(self.labels.argmin())
            yield f"`{self.label}` is a magnitude, structure {row} has {self.labels[row]:g} {self.unit}"
        training = self.labels[self.split == 0]
        if np.ptp(training) <= SAME * np.abs(training).max():
            yield f"`{self.label}` must differ between structures, it is {training[0]:g} for all in training"


def _flat(cells: Floats) -> npt.NDArray[np.bool_]:
    """Return whether cells (structures, 3, 3) span no volume to speak of: (structures,)."""
    volumes = np.abs(np.linalg.det(cells))
    return np.asarray(volumes <= FLATTEST_CELL * np.linalg.norm(cells, axis=2).prod(1))


def random_split(structures: int, seed: int) -> npt.NDArray[np.uint8]:
    """Return a random split of 80, 10 and 10 per cent, with at least one structure in each part."""
    order = np.random.default_rng(seed).permutation(structures)
    held_out = max(structures // 10, 1)
    split = np.zeros(structures, np.uint8)
    split[order[:held_out]] = 2
    split[order[held_out : 2 * held_out]] = 1
    return split
