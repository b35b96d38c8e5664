"""Soundness: what must hold between the parts of a probe map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atomlens.client.arrays import wrong_shape
from atomlens.client.errors import InputError
from atomlens.client.probe.grid import Grid
from atomlens.client.probe.whole import whole

if TYPE_CHECKING:
    from atomlens.client.probe.probe_map import ProbeMap


def check_values(found: ProbeMap) -> None:
    """Raise `InputError` unless each field is there once and has a value at every point."""
    if len(set(found.fields)) < len(found.fields) or not found.fields:
        names = ", ".join(map(str, found.fields))
        raise InputError(f"`fields` must be one or more, each once, got {names or 'none'}", field="fields")
    points = found.where.counts if isinstance(found.where, Grid) else (len(found.where),)
    shape = (len(found.fields), *points)
    if found.values.shape != shape:
        raise wrong_shape("values", f"{shape}", found.values.shape)


def check_atoms(found: ProbeMap) -> None:
    """Raise `InputError` for atoms that there are not, and for pairs without a closest distance."""
    for atom in found.left_out:
        whole("left_out", atom, len(found.structure) - 1, "atoms of the structure")
    for probe in dict.fromkeys(probe for one in found.fields for probe in one.probes):
        missing = sorted(set(found.structure.symbols) - set(found.closest.get(probe, {})))
        if missing:
            raise InputError(
                f"`closest` must have a distance for each probe and element, got none for {probe} and "
                f"{missing[0]}",
                field="closest",
            )
