"""Dataset: a probe map for xarray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atomlens.client.errors import MissingPackageError
from atomlens.client.probe.grid import Grid

if TYPE_CHECKING:
    import xarray

    from atomlens.client.probe.probe_map import ProbeMap


def dataset(found: ProbeMap) -> xarray.Dataset:
    """Return a variable for each field, named as in files, and which points extrapolate.

    A grid along x, y and z has these as dimensions; another has i, j and k, with x, y and z at each point; a
    list of points has one dimension.
    """
    try:
        import xarray
    except ImportError as error:
        raise MissingPackageError("xarray", "`to_xarray()`") from error
    coordinates = _coordinates(found)
    dimensions = _dimensions(found)
    variables: dict[str, Any] = {
        label: (dimensions, values, {"units": field.unit, "long_name": str(field)})
        for label, field, values in zip(found.labels, found.fields, found.values, strict=True)
    }
    variables["extrapolating"] = (("field", *dimensions), found.extrapolating)
    attributes = {
        "structure": found.structure.id or found.structure.formula,
        "model": str(found.model),
        "digest": found.model.digest,
    }
    labels = {"field": ("field", list(found.labels))}
    return xarray.Dataset(variables, labels | coordinates, attributes)


def _dimensions(found: ProbeMap) -> tuple[str, ...]:
    if not isinstance(found.where, Grid):
        return ("point",)
    return ("x", "y", "z") if found.where.is_aligned else ("i", "j", "k")


def _coordinates(found: ProbeMap) -> dict[str, Any]:
    """Return x, y and z in Å, with the dimensions they depend on."""
    length = {"units": "Å"}
    grid = found.where
    if isinstance(grid, Grid) and grid.is_aligned:
        steps = np.diagonal(grid.axes)
        along = [grid.origin[axis] + np.arange(grid.counts[axis]) * steps[axis] for axis in range(3)]
        return {name: (name, values, length) for name, values in zip("xyz", along, strict=True)}
    points = found.points().reshape(*found.values.shape[1:], 3)
    return {name: (_dimensions(found), points[..., axis], length) for axis, name in enumerate("xyz")}
