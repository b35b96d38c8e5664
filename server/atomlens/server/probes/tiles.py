"""Tiles: points that are close together, with the atoms that any of them feels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from atomlens.server.probes.field import Field
from atomlens.server.structures import Floats, Integers

MOST_POINTS = 512  # of a tile, whose arrays stay near the core then
MOST_PAIRS = 32_768  # points x atoms of a tile; a SchNet of 64 features takes 1.5 kB for each
FEW_ATOMS = 32  # so many that a tile need not be small for their sake
WIDEST_ANGSTROM = 64.0  # that a tile with atoms may be: float32 tells places in it apart to 2e-6 Å
RUN_PAIRS = 32_768  # points x atoms of a run of tiles; a core takes some 5 ms for them
LEAST_FELT = 8  # atoms that a point counts for at least: some of its cost is its own
RULES = 2  # counts the ways in which points were cut
CUT = (RULES, MOST_POINTS, MOST_PAIRS, FEW_ATOMS, WIDEST_ANGSTROM)  # what tiles of the same points depend on


@dataclass(frozen=True, slots=True)
class Tile:
    """Some of the points that were to be tiled, and the atoms of the field within the cutoff of their box."""

    rows: Integers  # (points of the tile,) which of the points they are
    points: Floats  # (points of the tile, 3) Å, in the home cell of the field, from its origin
    center: Floats  # (3,) Å, of the box around them
    felt: Integers  # (felt,) which atoms of the field


def tiles(points: Floats, field: Field, cutoff_angstrom: float) -> Iterator[Tile]:
    """Cut points in halves across their longest side until each part is small and feels few atoms.

    The same points make the same tiles, whatever else is asked for beside them.
    """
    axes = np.ascontiguousarray(field.home(points).T)  # (3, points)
    waiting = [(np.arange(len(points)), axes, np.arange(len(field.atoms)))]
    while waiting:
        rows, axes, felt = waiting.pop()
        low, high = axes.min(1), axes.max(1)
        felt = felt[_within(field.positions[felt], low, high, cutoff_angstrom)]
        if _is_small(len(rows), len(felt), float((high - low).max()), cutoff_angstrom):
            yield Tile(rows, np.ascontiguousarray(axes.T), 0.5 * (low + high), felt)
            continue
        half = len(rows) // 2
        order = np.argpartition(axes[int((high - low).argmax())], half)
        waiting += [(rows[part], axes.take(part, axis=1), felt) for part in (order[half:], order[:half])]


def cost_of(tile: Tile) -> int:
    """Return what a tile costs: points x atoms."""
    return len(tile.rows) * max(len(tile.felt), LEAST_FELT)


def runs_of(tiles: Sequence[Tile]) -> list[list[Tile]]:
    """Return tiles in runs that are worth a turn of a worker and do not keep others waiting."""
    runs: list[list[Tile]] = []
    left = 0
    for tile in tiles:
        pairs = cost_of(tile)
        if not runs or pairs > left:
            runs.append([])
            left = RUN_PAIRS
        runs[-1].append(tile)
        left -= pairs
    return runs


def _within(positions: Floats, low: Floats, high: Floats, cutoff: float) -> npt.NDArray[np.bool_]:
    """Return which positions are closer than the cutoff to a box: (atoms,)."""
    outside = np.maximum(np.maximum(low - positions, positions - high), 0.0)
    within: npt.NDArray[np.bool_] = np.einsum("ax,ax->a", outside, outside) < cutoff**2
    return within


def _is_small(points: int, atoms: int, longest: float, cutoff: float) -> bool:
    fits = points <= MOST_POINTS and points * atoms <= MOST_PAIRS
    widest = cutoff if atoms > FEW_ATOMS else WIDEST_ANGSTROM if atoms else math.inf
    return points == 1 or (fits and longest <= widest)
