"""`atomlens.server.probes.summary`: against numpy over all values at once."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest

from atomlens.server.model import Model
from atomlens.server.probes.probe import Probe
from atomlens.server.probes.slab import Slab
from atomlens.server.probes.summary import Summary
from atomlens.server.probes.tile_values import Mask, Values
from atomlens.server.structures import Structures
from atomlens.v1 import probes_pb2

from .probing import cube

ELEMENTS = (8, 1, 6)


@pytest.fixture(scope="module")
def probe(model: Model, water: Structures) -> Probe:
    """A probe of three elements."""
    return Probe.of(model, water, np.array(ELEMENTS), cube(4))


def summed_up(
    probe: Probe, values: Values, close: Mask, size: int, first: int = 0
) -> probes_pb2.ProbeTrailer:
    """Return the trailer after slabs of one size, from point ``first`` on."""
    summary = Summary(probe)
    for index, start in enumerate(range(first, values.shape[1], size)):
        part = slice(start, start + size)
        summary.add(Slab(index, start, values[:, part], close[:, part], 0.5))
    return summary.to_proto().trailer


def checked_range(found: probes_pb2.ProbeRange, values: Values, points: np.ndarray) -> None:
    """Fail where a range is not that of values (points,) of these points."""
    assert found.minimum == values.min()
    assert found.minimum_point == points[values.argmin()]
    assert found.maximum == values.max()
    assert found.maximum_point == points[values.argmax()]


@pytest.mark.parametrize("size", [1, 7, 40, 100])
@pytest.mark.parametrize("first", [0, 40])
def test_ranges_tell_the_first_points_that_have_them(
    size: int, first: int, probe: Probe, rng: np.random.Generator
) -> None:
    """Of all that were sent and of those not close, however they are cut and however often values repeat."""
    values = rng.integers(-3, 4, (3, 100)).astype(np.float32) / np.float32(3)
    close = rng.random((3, 100)) < 0.4
    trailer = summed_up(probe, values, close, size, first)
    sent = np.arange(first, 100)
    for field in range(3):
        checked_range(trailer.ranges[field], values[field, first:], sent)
        trusted = sent[~close[field, first:]]
        checked_range(trailer.trusted_ranges[field], values[field, trusted], trusted)


def test_close_points_are_counted_for_each_element(probe: Probe, rng: np.random.Generator) -> None:
    """With the distances below which they are close, of each element of the structure once."""
    close = rng.random((3, 100)) < [[0.2], [0.5], [0.9]]
    trailer = summed_up(probe, np.zeros((3, 100), np.float32), close, 30)
    assert [one.element for one in trailer.closeness] == list(ELEMENTS)
    assert [one.points for one in trailer.closeness] == close.sum(1).tolist()
    closest = probe.model.card.closest
    for one in trailer.closeness:
        assert list(one.numbers) == [1, 8]
        assert np.frombuffer(one.distances, "<f8").tolist() == closest[one.element, [1, 8]].tolist()


def test_fields_of_a_second_head_are_close_where_those_of_the_first_are(
    probe: Probe, rng: np.random.Generator
) -> None:
    """Closeness belongs to elements, ranges to fields."""
    two = replace(probe, heads=probe.heads * 2)
    values = rng.normal(size=(6, 100)).astype(np.float32)
    close = rng.random((3, 100)) < 0.4
    trailer = summed_up(two, values, close, 30)
    assert len(trailer.ranges) == len(trailer.trusted_ranges) == 6
    for field in range(6):
        trusted = np.flatnonzero(~close[field % 3])
        checked_range(trailer.trusted_ranges[field], values[field, trusted], trusted)


def test_the_checksum_is_that_of_all_bytes(probe: Probe, rng: np.random.Generator) -> None:
    """One slab after another."""
    values = rng.normal(size=(3, 100)).astype(np.float32)
    trailer = summed_up(probe, values, np.zeros((3, 100), np.bool_), 30)
    joined = b"".join(values[:, start : start + 30].tobytes() for start in range(0, 100, 30))
    assert trailer.checksum == zlib.crc32(joined)
    assert (trailer.slabs, trailer.compute_ms) == (4, 2.0)


def test_where_no_point_can_be_trusted_there_is_no_range(probe: Probe) -> None:
    """NaN and 0, also of a stream that sent nothing."""
    close = np.ones((3, 10), np.bool_)
    for trailer in (
        summed_up(probe, np.ones((3, 10), np.float32), close, 4),
        summed_up(probe, np.ones((3, 10), np.float32), close, 4, first=10),
    ):
        for found in trailer.trusted_ranges:
            assert np.isnan([found.minimum, found.maximum]).all()
            assert (found.minimum_point, found.maximum_point) == (0, 0)
    assert (trailer.slabs, trailer.checksum) == (0, 0)
    assert np.isnan(trailer.ranges[0].minimum)
