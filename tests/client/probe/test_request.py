"""`atomlens.client.probe.request`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from atomlens.client import InputError, Structure
from atomlens.client.probe import Grid
from atomlens.client.probe.request import MOST_POINTS, checked_points, numbers_of, place, probe_request
from atomlens.client.wire import encode
from atomlens.v1 import probes_pb2

from .conftest import ALIGNED, CRYSTAL, POINTS, SKEWED, WATER

FITTED = probes_pb2.FittedGrid(spacing_angstrom=0.2, margin_angstrom=3.0)


def asked(**changes: Any) -> probes_pb2.ProbeRequest:
    """Return a request with something changed."""
    given: dict[str, Any] = {"structure": WATER, "elements": ["H", "C"], "model": "m", "where": FITTED}
    return probe_request(**(given | changes))


def test_everything_is_in_the_message() -> None:
    """As the contract has it."""
    request = asked(structure=CRYSTAL, heads=("energy", "charge"), left_out=(1, 0), slab_points=32_768)
    assert request.structures == encode([CRYSTAL])
    assert list(request.elements) == [1, 6]
    assert (request.model.name, list(request.heads)) == ("m", ["energy", "charge"])
    assert np.frombuffer(request.left_out, "<i4").tolist() == [1, 0]
    assert (request.slab_points, request.first_slab, request.digest) == (32_768, 0, "")
    assert request.fitted == FITTED


def test_what_is_not_asked_for_is_not_in_it() -> None:
    """No heads, no atoms, no size of slabs; one head needs no list."""
    request = asked(elements="H")
    assert (list(request.elements), list(request.heads), request.left_out) == ([1], [], b"")
    assert asked(heads="energy").heads == ["energy"]


@pytest.mark.parametrize("grid", [ALIGNED, SKEWED], ids=["aligned", "skewed"])
def test_a_grid_is_sent_bit_for_bit(grid: Grid) -> None:
    """And so is a list of points."""
    sent = asked(where=place(0.2, 3.0, grid, None)).grid
    assert np.array_equal(np.frombuffer(sent.origin, "<f8"), grid.origin)
    assert np.array_equal(np.frombuffer(sent.axes, "<f8").reshape(3, 3), grid.axes)
    assert tuple(np.frombuffer(sent.counts, "<i4").tolist()) == grid.counts


@pytest.mark.parametrize("points", [POINTS, POINTS.tolist(), POINTS[::-1], POINTS.astype(np.float32)])
def test_a_list_of_points_is_sent_bit_for_bit(points: Any) -> None:
    """Whatever array or list it is."""
    request = asked(where=place(0.2, 3.0, None, points))
    assert request.WhichOneof("where") == "points"
    assert request.points == np.array(points, "<f8").tobytes()


@pytest.mark.parametrize(("spacing", "margin"), [(0.3, 0.0), (np.float32(0.5), 2), (1, np.float64(1.5))])
def test_a_fitted_grid_is_left_to_the_server(spacing: Any, margin: Any) -> None:
    """Any positive number is a spacing, and no margin is one too."""
    sent = asked(where=place(spacing, margin, None, None)).fitted
    assert (sent.spacing_angstrom, sent.margin_angstrom) == (float(spacing), float(margin))


Bad = tuple[Callable[[], object], str, str, str]
BAD: dict[str, Bad] = {
    "spacing 0": (lambda: place(0.0, 3.0, None, None), "`spacing` must be positive", "spacing", ""),
    "spacing -1": (lambda: place(-1.0, 3.0, None, None), "positive and finite, got -1.0", "spacing", ""),
    "spacing nan": (lambda: place(np.nan, 3.0, None, None), "positive and finite, got nan", "spacing", ""),
    "spacing inf": (lambda: place(np.inf, 3.0, None, None), "positive and finite, got inf", "spacing", ""),
    "spacing text": (lambda: place("0.2", 3.0, None, None), "finite, got '0.2'", "spacing", ""),  # type: ignore[arg-type]
    "margin -1": (lambda: place(0.2, -1.0, None, None), "`margin` must be 0 or more", "margin", ""),
    "margin nan": (lambda: place(0.2, np.nan, None, None), "0 or more and finite, got nan", "margin", ""),
    "margin inf": (lambda: place(0.2, np.inf, None, None), "0 or more and finite, got inf", "margin", ""),
    "spacing true": (lambda: place(True, 3.0, None, None), "positive and finite, got True", "spacing", ""),
    "margin false": (lambda: place(0.2, False, None, None), "finite, got False", "margin", ""),
    "two places": (lambda: place(0.2, 3.0, ALIGNED, POINTS), "must not be given together", "grid", ""),
    "no points": (
        lambda: checked_points(np.zeros((0, 3))),
        "must be one or more, got none",
        "points",
        "NO_POINTS",
    ),
    "empty list": (lambda: checked_points([]), "must be one or more, got none", "points", "NO_POINTS"),
    "one point": (lambda: checked_points([0.0, 1.0, 2.0]), r"must be \(points, 3\)", "points", "WRONG_SHAPE"),
    "pairs": (lambda: checked_points([[0.0, 1.0]]), r"\(points, 3\), got \(1, 2\)", "points", "WRONG_SHAPE"),
    "nan": (lambda: checked_points([[0.0, np.nan, 0.0]]), "must be finite, got nan", "points", "NOT_FINITE"),
    "text": (lambda: checked_points([["a", "b", "c"]]), "`points` must be numbers", "points", "WRONG_TYPE"),
    "too many": (
        lambda: checked_points(np.zeros((MOST_POINTS + 1, 3))),
        f"`points` must be at most {MOST_POINTS} to fit into a message, got {MOST_POINTS + 1}",
        "points",
        "TOO_MANY_POINTS",
    ),
    "no elements": (lambda: numbers_of([]), r"one or more, each once, got \[\]", "elements", ""),
    "twice": (lambda: numbers_of(["H", "H"]), r"each once, got \['H', 'H'\]", "elements", ""),
    "unknown": (lambda: numbers_of("Hx"), "symbols of elements, got 'Hx'", "elements", "UNKNOWN_ELEMENT"),
    "joined": (lambda: numbers_of("H,C"), "symbols of elements, got 'H,C'", "elements", "UNKNOWN_ELEMENT"),
    "none": (lambda: numbers_of(["H", "X"]), "symbols of elements, got 'X'", "elements", "UNKNOWN_ELEMENT"),
    "numbers": (lambda: numbers_of([1]), "symbols of elements, got 1", "elements", "UNKNOWN_ELEMENT"),  # type: ignore[list-item]
    "number": (lambda: numbers_of(1), "symbols of elements, got 1", "elements", "UNKNOWN_ELEMENT"),  # type: ignore[arg-type]
    "nested": (lambda: numbers_of([["H"]]), r"got \['H'\]", "elements", "UNKNOWN_ELEMENT"),  # type: ignore[list-item]
    "left out": (lambda: asked(left_out=[0, 3]), "of the structure, from 0 to 2, got 3", "left_out", ""),
    "left out -1": (lambda: asked(left_out=[-1]), "of the structure, from 0 to 2, got -1", "left_out", ""),
    "left out 0.5": (lambda: asked(left_out=[0.5]), "from 0 to 2, got 0.5", "left_out", ""),
    "left out mask": (lambda: asked(left_out=[True, False, False]), "got True", "left_out", ""),
    "left out array": (lambda: asked(left_out=np.array([True])), "got np.True_", "left_out", ""),
    "left out alone": (lambda: asked(left_out=1), "must be a list of atoms, got 1", "left_out", ""),
    "slab": (
        lambda: asked(slab_points=-1),
        "`slab_points` must be whole, from 0 to 2147483647",
        "slab_points",
        "",
    ),
    "half a slab": (lambda: asked(slab_points=0.5), "must be whole, .* got 0.5", "slab_points", ""),
    "endless slab": (lambda: asked(slab_points=2**31), "got 2147483648", "slab_points", ""),
    "heads": (lambda: asked(heads=[1]), "`heads` must be names, got 1", "heads", ""),
    "no heads": (lambda: asked(heads=None), "`heads` must be names, got None", "heads", ""),
    "models": (lambda: asked(model=["a"]), r"the name of one model, got \['a'\]", "model", ""),
    "no model": (lambda: asked(model=None), "the name of one model, got None", "model", ""),
}


@pytest.mark.parametrize("name", BAD)
def test_errors_name_the_argument(name: str) -> None:
    """And the rule, and what came."""
    ask, message, field, reason = BAD[name]
    with pytest.raises(InputError, match=message) as caught:
        ask()
    assert (caught.value.field, caught.value.reason) == (field, reason)


def test_a_structure_must_fit_into_a_message() -> None:
    """As for every request."""
    atoms = 700_000
    with pytest.raises(InputError, match="to fit into a message") as caught:
        asked(structure=Structure(np.ones(atoms, np.uint8), np.zeros((atoms, 3))))
    assert caught.value.reason == "MESSAGE_TOO_LARGE"


def test_as_many_points_as_fit_are_taken() -> None:
    """With a structure beside them."""
    points = checked_points(np.zeros((MOST_POINTS, 3)))
    assert asked(where=points.tobytes()).ByteSize() < 16 * 2**20
