"""Places: where probes sit, on a grid or on each of a list of points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from atomlens.server.buffers import decode, encode
from atomlens.server.errors import InputError
from atomlens.server.limits import Limits
from atomlens.server.structures import Floats, Integers, Structures
from atomlens.v1 import probes_pb2

FLATTEST = 1e-6  # volume of a grid's axes over the product of their lengths
LONGEST_AXIS = 2**31 - 1  # points
ROUNDING = 1e-9  # of a step, and of an Å: what sums of float64 may be off by


class Places(Protocol):
    """Points in an order of their own."""

    def __len__(self) -> int:
        """Return the number of points."""

    def points(self, first: int, last: int) -> Floats:
        """Return points ``first``, ..., ``last - 1``: (points, 3) Å."""

    def to_bytes(self) -> bytes:
        """Return bytes that differ where the points do."""


@dataclass(frozen=True, slots=True)
class PointList:
    """Points as they were sent."""

    positions: Floats  # (points, 3) Å

    @classmethod
    def from_bytes(cls, buffer: bytes, limits: Limits) -> PointList:
        """Return the points of a request.

        Raises:
            InputError: there are none or too many, or one of them is not finite or too far out.
        """
        positions = decode(buffer, "<f8", (-1, 3), "points")
        _check_count(len(positions), "points", limits)
        _check_finite(positions, "points")
        far = np.flatnonzero((np.abs(positions) > limits.max_coordinate_angstrom).any(1))
        if len(far):
            raise InputError(
                f"`points` must lie within {limits.max_coordinate_angstrom:g} Å of the origin, got "
                f"{positions[far[0]].tolist()}",
                "COORDINATES_TOO_LARGE",
                f"points[{far[0]}]",
            )
        return cls(positions)

    def __len__(self) -> int:
        return len(self.positions)

    def points(self, first: int, last: int) -> Floats:
        """Return points ``first``, ..., ``last - 1``: (points, 3) Å."""
        return self.positions[first:last]

    def to_bytes(self) -> bytes:
        """Return bytes that differ where the points do."""
        return encode(self.positions, "<f8")


@dataclass(frozen=True, slots=True)
class Grid:
    """Point (i, j, k) is at origin + i axes[0] + j axes[1] + k axes[2]; k counts fastest."""

    origin: Floats  # (3,) Å
    axes: Floats  # (3, 3) Å, vectors from a point to the next
    counts: Integers  # (3,)

    @classmethod
    def from_proto(cls, message: probes_pb2.Grid, limits: Limits) -> Grid:
        """Return the grid that a message holds.

        Raises:
            InputError: it has no points or too many, is flat, or is too large.
        """
        origin = decode(message.origin, "<f8", (3,), "grid.origin")
        axes = decode(message.axes, "<f8", (3, 3), "grid.axes")
        counts = decode(message.counts, "<i4", (3,), "grid.counts").astype(np.int64)
        _check_finite(origin[None], "grid.origin")
        _check_finite(axes, "grid.axes")
        return cls(origin, axes, counts)._checked(limits, "grid")

    @classmethod
    def fitted(cls, message: probes_pb2.FittedGrid, structure: Structures, limits: Limits) -> Grid:
        """Return a grid around one structure, as the message wants it.

        Where the structure repeats, the grid takes the lattice vector in equal steps; elsewhere it reaches
        beyond the outermost atoms by the margin or, its steps being whole, a little more.

        Raises:
            InputError: spacing or margin make no sense, or the grid is too large.
        """
        spacing = _positive(message.spacing_angstrom, "fitted.spacing_angstrom", 0.0)
        margin = _positive(message.margin_angstrom, "fitted.margin_angstrom", -1e-300)
        pbc, cell = structure.pbc[0], structure.complete_cells[0]
        scaled = structure.positions @ np.linalg.inv(cell)  # a unit is 1 Å where nothing repeats
        low = np.where(pbc, 0.0, scaled.min(0) - margin)
        with np.errstate(over="ignore", invalid="ignore"):  # what is too much is refused
            widths = np.where(pbc, np.linalg.norm(cell, axis=1), scaled.max(0) + margin - low)
            steps = np.maximum(np.ceil(widths / spacing - ROUNDING), widths > ROUNDING)
            if steps.max() >= LONGEST_AXIS:
                count = float(np.maximum(steps, 1.0).prod())
                raise _too_many(count, "fitted.spacing_angstrom", limits)
            axes = np.where(pbc[:, None], cell / np.maximum(steps, 1.0)[:, None], cell * spacing)
            excess = np.where(pbc, 0.0, steps * spacing - widths)
        counts = steps.astype(np.int64) + ~pbc
        return cls((low - excess / 2) @ cell, axes, counts)._checked(limits, "fitted")

    def __len__(self) -> int:
        return math.prod(self.counts.tolist())

    def points(self, first: int, last: int) -> Floats:
        """Return points ``first``, ..., ``last - 1``: (points, 3) Å."""
        steps = np.stack(np.unravel_index(np.arange(first, last), self.counts), axis=1)  # (points, 3)
        # One axis after another: a matrix product may round a point otherwise in another company.
        i, j, k = (steps[:, axis, None] * self.axes[axis] for axis in range(3))
        points: Floats = self.origin + i + j + k
        return points

    def to_bytes(self) -> bytes:
        """Return bytes that differ where the points do."""
        return self.to_proto().SerializeToString(deterministic=True)

    def to_proto(self) -> probes_pb2.Grid:
        """Return the message for the wire."""
        return probes_pb2.Grid(
            origin=encode(self.origin, "<f8"),
            axes=encode(self.axes, "<f8"),
            counts=encode(self.counts, "<i4"),
        )

    def _checked(self, limits: Limits, field: str) -> Grid:
        if (self.counts < 1).any():
            raise InputError(
                f"`counts` must be 1 or more along each axis, got {self.counts.tolist()}",
                field=f"{field}.counts",
            )
        _check_count(math.prod(self.counts.tolist()), field, limits)
        with np.errstate(all="ignore"):  # broken numbers are what is looked for
            volume, lengths = abs(np.linalg.det(self.axes)), np.linalg.norm(self.axes, axis=1)
            longest = float((lengths * (self.counts - 1)).max())
            spans = volume > FLATTEST * lengths.prod()
        if longest > limits.max_probe_extent_angstrom:
            raise InputError(
                f"a grid must be at most {limits.max_probe_extent_angstrom:g} Å long along each axis, got "
                f"{longest:g} Å",
                "GRID_TOO_LARGE",
                field,
            )
        if not spans:
            raise InputError(
                f"`axes` must span a volume, got {self.axes.tolist()}", "SINGULAR_AXES", f"{field}.axes"
            )
        if (np.abs(self.origin) > limits.max_coordinate_angstrom).any():
            raise InputError(
                f"`origin` must lie within {limits.max_coordinate_angstrom:g} Å of the origin, got "
                f"{self.origin.tolist()}",
                "COORDINATES_TOO_LARGE",
                f"{field}.origin",
            )
        return self


def _positive(value: float, field: str, least: float) -> float:
    if not least < value < math.inf:
        name, rule = field.rpartition(".")[2], "positive" if least == 0.0 else "0 or more"
        raise InputError(f"`{name}` must be {rule} and finite, got {value:g}", "WRONG_SHAPE", field)
    return value


def _check_finite(rows: Floats, field: str) -> None:
    broken = np.flatnonzero(~np.isfinite(rows).all(1))
    if len(broken):
        name = field.rpartition(".")[2]
        raise InputError(
            f"`{name}` must be finite, got {rows[broken[0]].tolist()}", "NOT_FINITE", f"{field}[{broken[0]}]"
        )


def _check_count(count: int, field: str, limits: Limits) -> None:
    if count == 0:
        raise InputError("there must be a point at least, got none", "NO_POINTS", field)
    if count > limits.max_probe_points:
        raise _too_many(count, field, limits)


def _too_many(count: float, field: str, limits: Limits) -> InputError:
    return InputError(
        f"a probe takes at most {limits.max_probe_points} points (the setting is `max_probe_points`), got "
        f"{count:.6g}",
        "TOO_MANY_POINTS",
        field,
    )
