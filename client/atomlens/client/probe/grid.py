"""Grid: points on a lattice, along three axes that may be skewed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from atomlens.client.arrays import array, finite, wrong_shape
from atomlens.client.errors import InputError
from atomlens.client.frozen import Frozen
from atomlens.client.structure import Floats, Structure
from atomlens.client.volume import spans_volume

ROUNDING = 1e-9  # of a length: what sums of float64 may be off by
LONGEST_AXIS = 2**31 - 1  # points


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Grid(Frozen):
    """Point (i, j, k) is at origin + i axes[0] + j axes[1] + k axes[2]; k counts fastest."""

    origin: Floats  # (3,) Å
    axes: Floats  # (3, 3) Å, vectors from a point to the next
    counts: tuple[int, int, int]

    def __init__(self, origin: npt.ArrayLike, axes: npt.ArrayLike, counts: npt.ArrayLike) -> None:
        """Check that there are points and that the axes span a volume; raises `InputError`."""
        object.__setattr__(self, "origin", finite("origin", origin, "(3,)", (3,)))
        object.__setattr__(self, "axes", _axes(axes))
        object.__setattr__(self, "counts", _counts(counts))

    def __len__(self) -> int:
        return math.prod(self.counts)

    def __repr__(self) -> str:
        origin, axes = self.origin.tolist(), self.axes.tolist()
        return f"Grid(origin={origin}, axes={axes}, counts={self.counts})"

    @property
    def is_aligned(self) -> bool:
        """Whether the axes lead along x, y and z, forwards."""
        steps = np.diagonal(self.axes)
        return bool((steps > 0).all() and (self.axes == np.diag(steps)).all())

    def points(self, first: int = 0, last: int | None = None) -> Floats:
        """Return points ``first``, ..., ``last - 1`` in the order of the values, or all: (points, 3) Å."""
        stop = len(self) if last is None else last
        i, j, k = np.unravel_index(np.arange(first, stop), self.counts)
        # One axis after another, as the server does: a matrix product may round a point otherwise.
        points: Floats = self.origin + i[:, None] * self.axes[0]
        points += j[:, None] * self.axes[1]
        points += k[:, None] * self.axes[2]
        return points

    def point(self, index: int) -> Floats:
        """Return one point by its index among all: (3,) Å."""
        point: Floats = self.points(index, index + 1)[0]
        return point

    def closes(self, structure: Structure) -> npt.NDArray[np.bool_]:
        """Return along which axes the step after the last point leads to the first of the next cell: (3,).

        Such an axis takes a vector of the repeating lattice, or several of them, in equal steps.
        """
        if structure.cell is None:
            return np.zeros(3, np.bool_)
        lattice = structure.cell[structure.pbc]  # (repeating, 3)
        spans = self.axes * np.array(self.counts)[:, None]
        whole = np.rint(spans @ np.linalg.pinv(lattice)) @ lattice
        off = np.linalg.norm(spans - whole, axis=1)
        closes: npt.NDArray[np.bool_] = off <= ROUNDING * np.linalg.norm(spans, axis=1)
        return closes


def _axes(value: Any) -> Floats:
    axes = finite("axes", value, "(3, 3)", (3, 3))
    if not spans_volume(axes):
        raise InputError(
            f"`axes` must span a volume, got {axes.tolist()}", reason="SINGULAR_AXES", field="axes"
        )
    return axes


def _counts(value: Any) -> tuple[int, int, int]:
    counts = array("counts", value)
    if counts.shape != (3,):
        raise wrong_shape("counts", "(3,)", counts.shape)
    whole = counts.dtype.kind in "iu" or (counts.dtype.kind == "f" and (counts == np.floor(counts)).all())
    if not (whole and (counts >= 1).all() and (counts <= LONGEST_AXIS).all()):
        raise InputError(
            f"`counts` must be whole, from 1 to {LONGEST_AXIS} along each axis, got {counts.tolist()}",
            reason="WRONG_COUNTS",
            field="counts",
        )
    i, j, k = counts.astype(np.int64).tolist()
    return i, j, k
