"""Thinning: as many points of a probe map as a page can hold."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from atomlens.client.probe import Grid, ProbeMap

MAP_VALUES = 700_000  # of all fields


class Thinned(NamedTuple):
    """A map with fewer points."""

    map: ProbeMap
    step: int  # one point of so many is left, along each axis of a grid
    said: str  # what a reader must know, nothing when all points are there


def thinned(probe_map: ProbeMap) -> Thinned:
    """Return a map with no more values than a page can hold."""
    if not isinstance(probe_map.where, Grid):
        step = max(1, -(-probe_map.values.size // MAP_VALUES))
        values = probe_map.values[:, ::step]
        return _said(replace(probe_map, where=probe_map.where[::step], values=values), step, "of the points")
    step = 1
    while probe_map.values[:, ::step, ::step, ::step].size > MAP_VALUES:
        step += 1
    values = probe_map.values[:, ::step, ::step, ::step]
    grid = Grid(probe_map.where.origin, probe_map.where.axes * step, values.shape[1:])
    return _said(replace(probe_map, where=grid, values=values), step, "of the points along each axis")


def _said(fewer: ProbeMap, step: int, which: str) -> Thinned:
    return Thinned(fewer, step, f"The page has one in {step} {which}; a file has all." if step > 1 else "")
