"""`atomlens.client.probe.collection`."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from atomlens.client import InputError, InternalError
from atomlens.client.backoff import BackoffSettings
from atomlens.client.probe.collection import Collection, check_fresh
from atomlens.client.probe.reader import Reader
from atomlens.v1 import probes_pb2

from .conftest import ALIGNED, COUNTS, POINTS, WATER
from .played import GRID, VALUES, answer, header, request, slab, trailer


def test_slabs_make_a_map() -> None:
    """On the grid that the header tells, without the atoms left out, with the distances of the trailer."""
    reader = Reader(request(left_out=[2, 0]), BackoffSettings())
    slabs = [one for one in map(reader.take, answer()) if one is not None]
    collection = Collection(reader.header)
    for one in reversed(slabs):
        collection.add(one)
    found = collection.to_map(WATER, reader)
    assert found.structure is WATER
    assert found.values.shape == (2, *COUNTS)
    assert found.values.tobytes() == VALUES.tobytes()
    np.testing.assert_array_equal(found.points(), ALIGNED.points())
    assert (found.elements, found.heads, str(found.model)) == (("H", "C"), ("energy",), "m@7")
    assert found.left_out == (2, 0)
    assert found.closest == {probe: {"H": 0.6, "O": 0.8} for probe in ("H", "C")}


def test_a_list_of_points_is_where_the_map_is() -> None:
    """As it was sent; without a trailer there is no map."""
    reader = Reader(request(POINTS), BackoffSettings())
    reader.take(header(grid=None, points=4, slabs=1))
    collection = Collection(reader.header)
    values = np.arange(8, dtype="<f4").tobytes()
    sent = slab(0, values=values, checksum=zlib.crc32(values))
    taken = reader.take(sent)
    assert taken is not None
    collection.add(taken)
    with pytest.raises(InternalError, match="without a trailer"):
        collection.to_map(WATER, reader)
    reader.take(trailer(checksum=sent.slab.checksum))
    found = collection.to_map(WATER, reader)
    np.testing.assert_array_equal(found.points(), POINTS)
    assert found.values.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_only_fresh_streams_are_collected() -> None:
    """A map with holes is worse than an error."""
    check_fresh(False)
    with pytest.raises(InputError, match="`collect` must come before a slab is taken"):
        check_fresh(True)


def test_a_map_that_fits_into_no_memory_is_refused() -> None:
    """With the way out; nothing is tried that the machine cannot hold."""
    reader = Reader(request(), BackoffSettings())
    most = 2**31 - 1
    grid = probes_pb2.Grid(origin=GRID.origin, axes=GRID.axes, counts=np.full(3, most, "<i4").tobytes())
    with pytest.raises(InternalError, match="another number of points"):
        reader.take(header(grid=grid, points=2**63))
    huge = 2**20
    grid.counts = np.full(3, huge, "<i4").tobytes()
    reader.take(header(grid=grid, points=huge**3, slabs=-(-(huge**3) // 50)))
    with pytest.raises(InputError, match="does not fit into memory: take its slabs one by one"):
        Collection(reader.header)
