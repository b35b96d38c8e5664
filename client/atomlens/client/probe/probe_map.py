"""Probe map: Ω_A at every point of a grid or of a list of points, for one or more elements A."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from atomlens.client.arrays import finite, wrong_shape
from atomlens.client.errors import InputError
from atomlens.client.explanation import ModelReference
from atomlens.client.frozen import Frozen, FrozenMapping
from atomlens.client.probe.closeness import Mask, close_points
from atomlens.client.probe.grid import Grid
from atomlens.client.probe.minima import Minimum, minima
from atomlens.client.probe.probe_field import MINUS, ProbeField, find
from atomlens.client.probe.soundness import check_atoms, check_values
from atomlens.client.probe.value_range import ValueRange
from atomlens.client.probe.whole import whole
from atomlens.client.structure import Floats, Structure

if TYPE_CHECKING:
    import xarray

Closest: TypeAlias = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True, eq=False)
class ProbeMap(Frozen):
    """Fields over the same points, with the structure that they surround.

    Energies are on the scale of `energies_model`, charges on that of `charges_raw`. Where a point is nearer
    to a nucleus than training ever came, the model extrapolates: such values are kept and flagged, and left
    out of ranges and minima.
    """

    structure: Structure
    model: ModelReference
    fields: tuple[ProbeField, ...]
    values: npt.NDArray[np.float32]  # (fields, *grid.counts), or (fields, points) of a list of points
    where: Grid | Floats  # a grid, or points in Å (points, 3)
    closest: Closest  # of each probe and element of the structure, by symbols: the distance in Å below which
    # a point is nearer to a nucleus than that pair ever came in training
    left_out: tuple[int, ...] = ()  # atoms that the probes do not feel
    _extrapolating: list[Mask] = field(default_factory=list, init=False, repr=False)  # once it is known

    __iter__ = None  # fields are named, points are rows of `points()`

    def __post_init__(self) -> None:
        """Check that fields, values and points belong together; raises `InputError`."""
        where = self.where
        if not isinstance(where, Grid):
            where = finite("points", where, "(points, 3)", (None, 3))
        tables = {probe: FrozenMapping(distances) for probe, distances in self.closest.items()}
        object.__setattr__(self, "where", where)
        object.__setattr__(self, "fields", tuple(self.fields))
        object.__setattr__(self, "values", np.asarray(self.values, np.float32))
        object.__setattr__(self, "closest", FrozenMapping(tables))
        object.__setattr__(self, "left_out", tuple(self.left_out))
        check_values(self)
        check_atoms(self)
        Frozen.__post_init__(self)

    def __len__(self) -> int:
        return len(self.where)

    def __getitem__(self, element: str) -> ProbeMap:
        return self.select(element)

    def __contains__(self, element: object) -> bool:
        return element in self.elements

    @property
    def elements(self) -> tuple[str, ...]:
        """What probes there are, each once."""
        return tuple(dict.fromkeys(one.element for one in self.fields))

    @property
    def heads(self) -> tuple[str, ...]:
        """What heads there are, each once."""
        return tuple(dict.fromkeys(one.head for one in self.fields))

    @property
    def labels(self) -> tuple[str, ...]:
        """A short name of each field: its element, after its head where there are several."""
        return tuple(
            f"{one.head}.{one.element}" if len(self.heads) > 1 else one.element for one in self.fields
        )

    @property
    def grid(self) -> Grid:
        """The grid of the points; raises `InputError` when they are a list."""
        if not isinstance(self.where, Grid):
            raise InputError(
                f"this needs a grid, and the map has a list of {len(self):,} points",
                reason="NO_GRID",
                field="points",
            )
        return self.where

    def points(self) -> Floats:
        """Return all points, in the order of the values: (points, 3) Å."""
        return self.where.points() if isinstance(self.where, Grid) else self.where

    def select(self, element: str | None = None, head: str | None = None) -> ProbeMap:
        """Return the map of one field, by element and head where several have them.

        Raises `InputError` for a field that there is not, and when there is more than one.
        """
        place = find(self.fields, element, head)
        part = slice(place, place + 1)
        chosen = replace(self, fields=self.fields[part], values=self.values[part])
        chosen._extrapolating[:] = [mask[part] for mask in self._extrapolating]
        return chosen

    def difference(self, element: str, other: str, head: str | None = None) -> ProbeMap:
        """Return the map of one probe less another, as ``H−C``, of one head."""
        first, second = find(self.fields, element, head), find(self.fields, other, head)
        minuend, subtrahend = self.fields[first], self.fields[second]
        if minuend.head != subtrahend.head:
            raise InputError(
                f"`head` must be one that both probes have, got {minuend} and {subtrahend}", field="head"
            )
        difference = ProbeField(minuend.head, f"{minuend.element}{MINUS}{subtrahend.element}", minuend.unit)
        values = self.values[first : first + 1] - self.values[second : second + 1]
        return replace(self, fields=(difference,), values=values)

    @property
    def extrapolating(self) -> Mask:
        """Which points are nearer to a nucleus than training came, of the shape of the values.

        For a difference they are those of either probe.
        """
        if not self._extrapolating:
            close = close_points(self.where, self.structure, self._distances(), self.left_out)
            mask = close.reshape(self.values.shape)
            mask.setflags(write=False)
            self._extrapolating[:] = [mask]
        return self._extrapolating[0]

    def with_extrapolating(self, mask: Mask) -> ProbeMap:
        """Return the same map of which these points extrapolate, whatever its distances say.

        For values that were made of others; the mask has the shape of the values.
        """
        if mask.shape != self.values.shape:
            raise wrong_shape("mask", f"{self.values.shape}", mask.shape)
        marked, kept = replace(self), mask.copy()
        kept.setflags(write=False)
        marked._extrapolating[:] = [kept]
        return marked

    @property
    def flagged(self) -> tuple[int, ...]:
        """Number of extrapolating points of each field."""
        return tuple(int(np.count_nonzero(mask)) for mask in self.extrapolating)

    def value_range(
        self, element: str | None = None, head: str | None = None, *, extrapolating: bool = False
    ) -> ValueRange:
        """Return the lowest and highest value of one field, and where they are.

        Points that extrapolate count only if asked for.
        """
        place = find(self.fields, element, head)
        chosen = np.ones(self.values.shape[1:], np.bool_) if extrapolating else ~self.extrapolating[place]
        return ValueRange.of(self.values[place], chosen)

    def minima(
        self, element: str | None = None, head: str | None = None, count: int = 10
    ) -> tuple[Minimum, ...]:
        """Return the lowest points of one field on a grid that are lower than the 26 around them.

        Points on faces of the grid are none, unless the grid closes on the cell there; points that
        extrapolate are none either, while their values count for those around.
        """
        grid, place, count = self.grid, find(self.fields, element, head), whole("count", count)
        values, eligible = self.values[place], ~self.extrapolating[place]
        found = islice(minima(values, grid.closes(self.structure), eligible), count)
        flat, unit = values.ravel(), self.fields[place].unit
        return tuple(Minimum(grid.point(point), float(flat[point]), unit, point) for point in found)

    def to_xarray(self) -> xarray.Dataset:
        """Return a variable for each field, with points in Å, units and which points extrapolate."""
        from atomlens.client.probe.dataset import dataset

        return dataset(self)

    def write(self, path: str | Path) -> tuple[Path, ...]:
        """Write the map in the format that the suffix names, and return the files that this made.

        Gaussian cube (``.cube``) and OpenDX (``.dx``) hold a field each: of several, ``out.H.cube``,
        ``out.C.cube``. VTK (``.vti``) and NumPy (``.npz``) hold all; `load` reads ``.npz``. All files
        appear, or none. A list of points is written as ``.npz`` alone.
        """
        from atomlens.client.probe.map_files import write

        return write(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> ProbeMap:
        """Return the map that `write` wrote to an ``.npz`` file; raises `UnreadableFileError`."""
        from atomlens.client.probe.npz_file import load

        return load(Path(path))

    def __repr__(self) -> str:
        from atomlens.client.probe.summary import title

        return f"<ProbeMap {title(self)} by {self.model}>"

    def __str__(self) -> str:
        from atomlens.client.probe.summary import text

        return text(self)

    def _repr_html_(self) -> str | None:
        """Return slices of a grid and the summary, where the extra `report` is installed."""
        try:
            from atomlens.client.report.slices import slices_html
        except ImportError:
            return None

        return slices_html(self)

    def _distances(self) -> Floats:
        """Return how close each field's points may be to each atom: (fields, atoms) Å."""
        symbols = self.structure.symbols
        return np.array(
            [
                [max(self.closest[probe][symbol] for probe in one.probes) for symbol in symbols]
                for one in self.fields
            ]
        ).reshape(len(self.fields), len(symbols))
