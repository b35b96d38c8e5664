"""Grid: points on a lattice, along three axes that may be skewed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from atomlens.client.frozen import Frozen
from atomlens.client.structure import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Grid(Frozen):
    """Point (i, j, k) is at origin + i axes[0] + j axes[1] + k axes[2]; k counts fastest."""

    origin: Floats  # (3,) Å
    axes: Floats  # (3, 3) Å, vectors from a point to the next
    counts: tuple[int, int, int]

    def __len__(self) -> int:
        return int(np.prod(self.counts, dtype=np.int64))

    def points(self) -> Floats:
        """Return all points, in the order of the values: (points, 3) Å."""
        steps = np.indices(self.counts).reshape(3, -1).T  # (points, 3)
        points: Floats = self.origin + steps @ self.axes
        return points
