"""`atomlens.client.probe.header`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from atomlens.client import InternalError, ModelReference
from atomlens.client.probe import ProbeField, ValueRange
from atomlens.client.probe.header import ProbeHeader, ProbeTrailer
from atomlens.v1 import probes_pb2

from .conftest import ALIGNED
from .played import DIGEST, GRID, MODEL_DIGEST, VALUES, header, trailer


def test_a_header_says_what_is_to_come() -> None:
    """Elements by symbol, the model, and the grid bit for bit."""
    found = ProbeHeader.from_proto(header().header)
    assert found.digest == DIGEST
    assert found.model == ModelReference("m", 7, MODEL_DIGEST, "cpu")
    assert found.fields == (ProbeField("energy", "H", "eV"), ProbeField("energy", "C", "eV"))
    assert found.grid is not None
    assert found.grid.counts == ALIGNED.counts
    np.testing.assert_array_equal(found.grid.points(), ALIGNED.points())
    assert (found.points, found.slab_points, found.slabs) == (210, 50, 5)
    assert [found.length(slab) for slab in range(5)] == [50, 50, 50, 50, 10]


def test_a_list_of_points_has_no_grid() -> None:
    """Its last slab may be as long as the others."""
    found = ProbeHeader.from_proto(header(grid=None, points=100, slabs=2).header)
    assert found.grid is None
    assert [found.length(slab) for slab in range(2)] == [50, 50]


def grid(**changes: Any) -> probes_pb2.Grid:
    """Return the grid with a part changed."""
    parts = {"origin": GRID.origin, "axes": GRID.axes, "counts": GRID.counts}
    return probes_pb2.Grid(**(parts | changes))


FIELD = probes_pb2.ProbeField(head="energy", element=200, unit="eV")
SENSELESS: dict[str, tuple[dict[str, Any], str]] = {
    "dtype": ({"dtype": "float64"}, "values of type 'float64', not float32"),
    "element": ({"fields": [FIELD]}, "a header that makes no sense"),
    "no fields": ({"fields": []}, "210 points in 5 slabs of 50, with 0 fields"),
    "no points": ({"grid": None, "points": 0, "slabs": 0}, "0 points in 0 slabs of 50"),
    "no slab points": ({"slab_points": 0}, "210 points in 5 slabs of 0"),
    "few slabs": ({"slabs": 4}, "210 points in 4 slabs of 50"),
    "many slabs": ({"slabs": 6}, "210 points in 6 slabs of 50"),
    "points": ({"points": 211}, "another number of points than its grid has"),
    "cut off": ({"grid": grid(axes=bytes(71))}, "a header that makes no sense"),
    "short": ({"grid": grid(axes=bytes(64))}, "a header that makes no sense"),
    "flat": ({"grid": grid(axes=bytes(72))}, "a header that makes no sense: `axes` must span a volume"),
    "negative": (
        {"grid": grid(counts=np.array([-5, 6, 7], "<i4").tobytes())},
        "a header that makes no sense",
    ),
    "endless": (
        {"grid": grid(counts=np.full(3, 2**31 - 1, "<i4").tobytes())},
        "another number of points than its grid has",
    ),
}


@pytest.mark.parametrize("name", SENSELESS)
def test_a_header_without_sense_is_a_fault_of_the_server(name: str) -> None:
    """And never of the caller's grid."""
    changes, message = SENSELESS[name]
    with pytest.raises(InternalError, match=message):
        ProbeHeader.from_proto(header(**changes).header)


def test_a_trailer_says_what_was_sent() -> None:
    """Ranges of each field, and what is close by symbols."""
    found = ProbeTrailer.from_proto(trailer().trailer)
    assert (found.slabs, found.checksum, found.compute_ms) == (5, trailer().trailer.checksum, 2.5)
    everything = np.ones(VALUES.shape[1], np.bool_)
    assert found.ranges == tuple(ValueRange.of(row, everything) for row in VALUES)
    assert found.trusted_ranges == found.ranges[::-1]
    assert found.extrapolating == {"H": 11, "C": 16}
    assert found.closest == {probe: {"H": 0.6, "O": 0.8} for probe in ("H", "C")}


@pytest.mark.parametrize(
    "closeness",
    [
        {"element": 200, "numbers": b"", "distances": b""},
        {"element": 1, "numbers": bytes([1, 8]), "distances": bytes(8)},
        {"element": 1, "numbers": bytes([1]), "distances": bytes(9)},
        {"element": 1, "numbers": bytes([255]), "distances": bytes(8)},
        {"element": 1, "numbers": bytes([1]), "distances": np.array([np.nan]).tobytes()},
        {"element": 1, "numbers": bytes([1]), "distances": np.array([1e300]).tobytes()},
    ],
    ids=["probe", "too few", "cut off", "element", "no distance", "huge distance"],
)
def test_a_trailer_without_sense_is_a_fault_of_the_server(closeness: dict[str, Any]) -> None:
    """Whatever is wrong with it."""
    with pytest.raises(InternalError, match="the server sent a trailer that makes no sense"):
        ProbeTrailer.from_proto(trailer(closeness=[probes_pb2.ProbeCloseness(**closeness)]).trailer)
