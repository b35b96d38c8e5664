"""Boxes: points sorted by where they are, so that those near a position are found without looking at all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from atomlens.client.structure import Floats

WIDTH_ANGSTROM = 1.0
MOST = 2**20  # boxes along an axis, so that keys fit into 64 bits
Indices = npt.NDArray[np.int64]


class Boxes:
    """Points in boxes of one width; boxes have a key, by which the points are sorted, z fastest."""

    def __init__(self, points: Floats) -> None:
        self.low, self.high = points.min(axis=0), points.max(axis=0)
        self._width = max(WIDTH_ANGSTROM, float((self.high - self.low).max()) / (MOST - 1))
        self._last = self._box(self.high)
        keys = self._key(self._box(points).T)  # (points,)
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    def near(self, position: Floats, radius_angstrom: float) -> Indices:
        """Return the points within a radius of a position and some beyond, those in the same boxes."""
        first = np.maximum(self._box(position - radius_angstrom), 0)
        last = np.minimum(self._box(position + radius_angstrom), self._last)
        x, y = (np.arange(first[axis], last[axis] + 1) for axis in range(2))
        rows = self._key((x[:, None], y, 0)).ravel()  # boxes of a row have consecutive keys
        start = np.searchsorted(self._keys, rows + first[2], side="left")
        counts = np.searchsorted(self._keys, rows + last[2], side="right") - start
        counts = np.maximum(counts, 0)
        skipped = np.repeat(start - (np.cumsum(counts) - counts), counts)
        near: Indices = self._order[skipped + np.arange(len(skipped))]
        return near

    def _box(self, points: Floats) -> Indices:
        """Return which box along each axis points are in: (..., 3)."""
        box: Indices = np.floor((points - self.low) / self._width).astype(np.int64)
        return box

    def _key(self, box: tuple[Indices, Indices, Indices | int] | Indices) -> Indices:
        x, y, z = box
        _, width, depth = self._last + 1
        key: Indices = (x * width + y) * depth + z
        return key
