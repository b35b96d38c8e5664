"""Value range: the lowest and the highest value of a field, and where they are."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class ValueRange(NamedTuple):
    """Extremes and the indices of the first points that have them; NaN and 0 where there are no points."""

    minimum: float
    minimum_point: int
    maximum: float
    maximum_point: int

    @classmethod
    def of(cls, values: npt.NDArray[np.float32], chosen: npt.NDArray[np.bool_]) -> ValueRange:
        """Return the range of those values that are chosen; both arrays have one shape."""
        points = np.flatnonzero(chosen)
        if not len(points):
            return cls(math.nan, 0, math.nan, 0)
        among = values.ravel()[points]
        low, high = int(among.argmin()), int(among.argmax())
        return cls(float(among[low]), int(points[low]), float(among[high]), int(points[high]))
