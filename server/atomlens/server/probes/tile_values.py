"""Tile values: what a model says of the points of one tile."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from atomlens.server.errors import EngineError
from atomlens.server.model import Context
from atomlens.server.probes.probe import Probe
from atomlens.server.probes.tiles import Tile
from atomlens.server.structures import Floats

Values = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
FAR_ANGSTROM = 1e3  # from every point; well beyond any cutoff


class TileValues(NamedTuple):
    """What the model says of one tile."""

    values: Values  # (fields, points of the tile)
    close: Mask  # (elements, points of the tile): nearer to a nucleus than in training
    compute_ms: float


def compute_tile(probe: Probe, context: Context | None, tile: Tile) -> TileValues:
    """Return the values of a tile, and which of its points are close to a nucleus.

    Args:
        probe: what is asked.
        context: of all atoms of the structure, (layers, atoms, features), where the model needs it.
        tile: some of the points.

    Raises:
        EngineError: the runtime failed, or gave a number that is not finite.
    """
    start = time.perf_counter()
    points, positions = tile.points - tile.center, probe.field.positions[tile.felt] - tile.center
    numbers = probe.field.numbers[tile.felt]
    carried = None if context is None else context[:, probe.field.atoms[tile.felt]]
    close = _close(probe, points, positions, tile)
    if not len(numbers):  # an atom that nobody feels: runtimes do badly on empty arrays
        numbers, positions = probe.elements[:1], points.max(0, keepdims=True) + FAR_ANGSTROM
        carried = None if context is None else np.zeros_like(context[:, :1])
    values = probe.model.probe(probe.heads, probe.elements, points, numbers, positions, carried)
    if not np.isfinite(values).all():
        place = tile.points[np.flatnonzero(~np.isfinite(values).all(0))[0]] + probe.field.origin
        raise EngineError(f"{probe.model.name} gave a number that is not finite at {place.tolist()} Å")
    return TileValues(values, close, 1e3 * (time.perf_counter() - start))


def compute_tiles(probe: Probe, context: Context | None, tiles: Sequence[Tile]) -> list[TileValues]:
    """Return the values of several tiles, in their order, as `compute_tile` does."""
    return [compute_tile(probe, context, tile) for tile in tiles]


def probe_values(probe: Probe) -> Values:
    """Return what the model says at every place: (fields, points), for probes that fit into memory."""
    context = probe.model.context(probe.work)
    values = np.empty((probe.fields, len(probe.places)), np.float32)
    for slab in range(probe.slabs):
        first, last = probe.span(slab)
        for tile in probe.tiles(slab):
            values[:, first:last][:, tile.rows] = compute_tile(probe, context, tile).values
    return values


def _close(probe: Probe, points: Floats, positions: Floats, tile: Tile) -> Mask:
    """Return which points are nearer to a nucleus than the pair came in training: (elements, points)."""
    squares = np.zeros((len(points), len(positions)))
    for axis in range(3):
        squares += (points[:, None, axis] - positions[:, axis]) ** 2
    limits = probe.model.card.closest[probe.elements][:, probe.field.numbers[tile.felt]] ** 2
    close = np.zeros((len(limits), len(points)), np.bool_)
    for element, nearest in enumerate(limits):  # (felt,)
        some = np.flatnonzero((squares < nearest).any(0))  # atoms that any point is close to
        close[element] = (squares[:, some] < nearest[some]).any(1)
    return close
