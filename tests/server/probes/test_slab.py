"""`atomlens.server.probes.slab`."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from atomlens.server.model import Model
from atomlens.server.probes.probe import Probe
from atomlens.server.probes.slab import Slab
from atomlens.server.probes.tile_values import TileValues, compute_tile, probe_values
from atomlens.server.probes.tiles import Tile
from atomlens.server.structures import Structures

from .probing import cube


@pytest.fixture(scope="module")
def probe(model: Model, water: Structures) -> Probe:
    """Two elements on 33³ points: slabs of 32,768 points and 3,169."""
    return Probe.of(model, water, np.array([8, 1]), cube(33))


def slab_of(probe: Probe, index: int) -> Slab:
    """Return a slab from its tiles, the last of which is computed first."""
    context = probe.model.context(probe.work)
    parts = list(probe.tiles(index))[::-1]
    return Slab.assemble(probe, index, [(tile, compute_tile(probe, context, tile)) for tile in parts])


def test_slabs_are_the_values_of_their_points(probe: Probe) -> None:
    """To the last bit, in whatever order slabs and tiles are computed."""
    values = probe_values(probe)
    for index in (1, 0):
        slab = slab_of(probe, index)
        first, last = probe.span(index)
        assert (slab.index, slab.first_point, slab.values.shape) == (index, first, (2, last - first))
        assert np.array_equal(slab.values, values[:, first:last])
        assert slab.values.dtype == np.float32


def test_tiles_find_their_places(probe: Probe) -> None:
    """Values, closeness and times of hand-made tiles."""
    points = np.arange(3_169)
    parts = [
        Tile(rows, np.zeros((len(rows), 3)), np.zeros(3), rows[:0]) for rows in (points[1::2], points[::2])
    ]
    results = [
        TileValues(np.stack([tile.rows, -tile.rows]).astype(np.float32), (tile.rows % 3 == [[0], [1]]), 2.5)
        for tile in parts
    ]
    slab = Slab.assemble(probe, 1, list(zip(parts, results, strict=True)))
    assert np.array_equal(slab.values, [points, -points])
    assert np.array_equal(slab.close, points % 3 == [[0], [1]])
    assert slab.compute_ms == 5.0


def test_the_message_carries_the_bytes_and_their_checksum(probe: Probe) -> None:
    """Field by field, little-endian."""
    slab = slab_of(probe, 1)
    message = slab.to_proto().slab
    assert (message.index, message.first_point) == (1, 32_768)
    assert message.values == slab.values.astype("<f4").tobytes()
    assert message.checksum == zlib.crc32(message.values)
