"""Minima: points of a grid whose value no neighbour reaches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from atomlens.client.frozen import Frozen
from atomlens.client.structure import Floats

LARGEST = 64  # points of one value side by side; more are a plain
AROUND = (-1, 0, 1)
Point = tuple[int, int, int]
Values = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Minimum(Frozen):
    """A point that is lower than the 26 around it."""

    position: Floats  # (3,) Å
    value: float
    unit: str
    point: int  # index among all points

    def __str__(self) -> str:
        return f"{self.value:.4f} {self.unit} at {place_text(self.position)}"


def place_text(position: Floats) -> str:
    """Return a position as people read it."""
    return f"({', '.join(f'{coordinate:.2f}' for coordinate in position)}) Å"


def minima(values: Values, closes: Flags, eligible: Flags) -> Iterator[int]:
    """Yield the indices of the points that are lower than their 26 neighbours, from the lowest on.

    Along an axis that closes, the neighbour of the last point is the first; elsewhere points on a face are no
    minima, for it is not known what lies beyond. Neighbours of one value, as on both sides of a mirror plane,
    are one minimum.

    Args:
        values: (i, j, k).
        closes: (3,).
        eligible: which points may be minima, (i, j, k); the others count as neighbours.
    """
    framed = _framed(values, closes)
    candidates = np.argwhere(_candidates(values, framed, closes))
    order = np.argsort(values[tuple(candidates.T)], kind="stable")
    seen: set[Point] = set()
    for i, j, k in candidates[order].tolist():
        basin = [] if (i, j, k) in seen else _basin(framed, (i, j, k), values.shape)
        seen.update(basin)
        if chosen := [point for point in basin if eligible[point]]:
            yield int(np.ravel_multi_index(min(chosen), values.shape))


def _framed(values: Values, closes: Flags) -> Values:
    """Return the values with a layer around them: of the other side, or of what is lower than all."""
    for axis in range(3):
        width = [(int(axis == other), int(axis == other)) for other in range(3)]
        if closes[axis]:
            values = np.pad(values, width, "wrap")
        else:
            values = np.pad(values, width, constant_values=-np.inf)
    return values


def _candidates(values: Values, framed: Values, closes: Flags) -> Flags:
    """Return which points are below all neighbours that come before them, and not above those after."""
    # On a closed axis of one or two points, what is before is itself or what is after.
    narrow = {1: (0,), 2: (0, 1)}
    steps = [
        narrow.get(count, AROUND) if closed else AROUND
        for count, closed in zip(values.shape, closes, strict=True)
    ]
    found = np.ones(values.shape, np.bool_)
    for offset in product(*steps):
        part = tuple(
            slice(1 + step, 1 + step + count) for step, count in zip(offset, values.shape, strict=True)
        )
        found &= values < framed[part] if offset < (0, 0, 0) else values <= framed[part]
    return found


def _basin(framed: Values, point: Point, shape: tuple[int, ...]) -> list[Point]:
    """Return the points of one value around a point, none if a neighbour is lower or they are a plain."""
    value = framed[point[0] + 1, point[1] + 1, point[2] + 1]
    basin = [point]
    for i, j, k in basin:  # which grows meanwhile
        around = framed[i : i + 3, j : j + 3, k : k + 3]
        if around.min() < value or len(basin) > LARGEST:
            return []
        for di, dj, dk in np.argwhere(around == value).tolist():
            other = ((i + di - 1) % shape[0], (j + dj - 1) % shape[1], (k + dk - 1) % shape[2])
            if other not in basin:
                basin.append(other)
    return basin
