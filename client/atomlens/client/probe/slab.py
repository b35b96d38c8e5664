"""Slab: the values of consecutive points, as a server sends them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from atomlens.client.frozen import Frozen


@dataclass(frozen=True, slots=True, eq=False)
class Slab(Frozen):
    """Values of the points ``first_point``, ``first_point + 1``, ..."""

    index: int
    first_point: int
    values: npt.NDArray[np.float32]  # (fields, points of the slab)

    def __len__(self) -> int:
        return int(self.values.shape[1])
