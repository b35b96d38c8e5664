"""Close pairs: atoms nearer to each other than such a pair came in training, or than two atoms can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from atomlens.server.structures import Floats, Integers

SLACK = 1e-4  # Å: a training molecule, rounded to float32, is no extrapolation


@dataclass(frozen=True, slots=True)
class ClosePairs:
    """Pairs, each once, those of one structure in the order of their first and then their second atoms."""

    rows: Integers  # (pairs,) index of the structure in the request
    first: Integers  # (pairs,) atom of the structure
    second: Integers  # (pairs,) atom of the structure, or the same one where it meets its image
    elements: Integers  # (pairs, 2) atomic numbers of both
    distances: Floats  # (pairs,) Å
    limits: Floats  # (pairs,) Å, how close such a pair came in training

    @classmethod
    def none(cls) -> ClosePairs:
        """Return no pairs."""
        no = np.zeros(0, np.int64)
        return cls(no, no, no, np.zeros((0, 2), np.int64), np.zeros(0), np.zeros(0))

    @classmethod
    def join(cls, parts: Sequence[ClosePairs]) -> ClosePairs:
        """Return the pairs of all parts."""
        if len(parts) == 1:
            return parts[0]
        columns = ([getattr(part, field.name) for part in parts] for field in fields(cls))
        return cls(*map(np.concatenate, columns)) if parts else cls.none()

    def __len__(self) -> int:
        return len(self.rows)

    def closer_than(self, limits: Floats | float) -> ClosePairs:
        """Return the pairs whose distance is below the limits: one for all or one for each."""
        if not len(self):
            return self
        return self.take(self.distances < limits)

    def take(self, chosen: npt.NDArray[np.bool_] | Integers) -> ClosePairs:
        """Return chosen pairs."""
        return ClosePairs(
            self.rows[chosen],
            self.first[chosen],
            self.second[chosen],
            self.elements[chosen],
            self.distances[chosen],
            self.limits[chosen],
        )


def flagged(limits: Floats, min_distance: float) -> Floats:
    """Return the distances below which pairs with these limits are close."""
    return np.maximum(limits - SLACK, min_distance)
