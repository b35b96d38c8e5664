"""`atomlens.client.probe.probe_map`."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from atomlens.client import Client, InputError, Structure
from atomlens.client.probe import Grid, ProbeMap
from atomlens.client.probe.closeness import close_points

from .conftest import ALIGNED, CELL, COUNTS, CRYSTAL, MODEL, POINTS, SKEWED, WATER, fields_of, probe_map


@pytest.mark.parametrize("where", [ALIGNED, POINTS], ids=["grid", "points"])
def test_what_a_map_has(where: Any) -> None:
    """Its length is that of its points, its fields are named by element and head."""
    found = probe_map(where, heads=("energy", "charge"))
    assert len(found) == len(found.points()) == found.values[0].size
    assert (found.elements, found.heads) == (("H", "C"), ("energy", "charge"))
    assert found.labels == ("energy.H", "energy.C", "charge.H", "charge.C")
    assert probe_map(where).labels == ("H", "C")
    assert "H" in found
    assert "N" not in found


def test_a_field_is_a_map() -> None:
    """A field is chosen by element, and by head where there are several."""
    found = probe_map()
    assert found["C"].fields == found.fields[1:]
    np.testing.assert_array_equal(found["C"].values, found.values[1:])
    both = probe_map(heads=("energy", "charge"))
    np.testing.assert_array_equal(both.select("C", "charge").values, both.values[3:])
    assert probe_map(elements="H").select().fields == fields_of("H")


@pytest.mark.parametrize(
    ("element", "head", "message", "field"),
    [
        ("N", None, "`element` must be one of H, C, got 'N'", "element"),
        ("H", "dipole", "`head` must be one of energy, charge, got 'dipole'", "head"),
        (None, "energy", "`element` must name one of H, C, got none", "element"),
        ("H", None, "`head` must name one of energy, charge, got none", "head"),
    ],
)
def test_unknown_fields(element: str | None, head: str | None, message: str, field: str) -> None:
    """What there is not is answered with what there is."""
    with pytest.raises(InputError) as caught:
        probe_map(heads=("energy", "charge")).select(element, head)
    assert (str(caught.value), caught.value.field) == (message, field)


def test_a_map_is_not_iterated_over() -> None:
    """Nobody can tell whether that would be fields or points."""
    with pytest.raises(TypeError, match="not iterable"):
        list(probe_map())  # type: ignore[call-overload]


def test_difference() -> None:
    """One probe less another is a field of its own, of the same head and unit."""
    found = probe_map(heads=("energy", "charge"))
    difference = found.difference("H", "C", "charge")
    np.testing.assert_array_equal(difference.values[0], found.values[2] - found.values[3])
    (field,) = difference.fields
    assert (field.element, field.head, field.unit, field.probes) == ("H−C", "charge", "e", ("H", "C"))
    assert difference["H−C"].fields == difference.fields


def test_a_difference_needs_to_know_of_what() -> None:
    """Heads are not mixed, and an element that there is not is named."""
    with pytest.raises(InputError, match="`head` must name one of energy, charge"):
        probe_map(heads=("energy", "charge")).difference("H", "C")
    with pytest.raises(InputError, match="`element` must be one of H, C, got 'O'"):
        probe_map().difference("H", "O")
    mixed = replace(probe_map(), fields=(fields_of("H")[0], fields_of("C", ["charge"])[0]))
    with pytest.raises(InputError, match="`head` must be one that both probes have"):
        mixed.difference("H", "C")


def test_points_that_extrapolate() -> None:
    """Each field has its own distances, those of its probe and the elements around it."""
    found = replace(probe_map(), closest={"H": {"O": 1.2, "H": 0.5}, "C": {"O": 0.8, "H": 1.5}})
    limits = np.array([[1.2, 0.5, 0.5], [0.8, 1.5, 1.5]])
    expected = close_points(ALIGNED.points(), WATER, limits).reshape(2, *COUNTS)
    np.testing.assert_array_equal(found.extrapolating, expected)
    assert found.flagged == (expected[0].sum(), expected[1].sum())
    assert found.flagged[0] != found.flagged[1]
    np.testing.assert_array_equal(found["C"].extrapolating, expected[1:])
    np.testing.assert_array_equal(replace(found).select("H").extrapolating, expected[:1])
    either = found.difference("H", "C").extrapolating
    np.testing.assert_array_equal(either[0], expected[0] | expected[1])
    assert not found.extrapolating.flags.writeable


def test_atoms_left_out_do_not_count() -> None:
    """No point is too close to an atom that the probe does not feel."""
    found = probe_map(POINTS, elements="H", closest=0.5)
    assert found.extrapolating.tolist() == [[True, False, False, False]]
    assert probe_map(POINTS, elements="H", closest=0.5, left_out=(0,)).flagged == (0,)


def test_ranges_leave_out_what_extrapolates() -> None:
    """The range of a field is that of the points that can be trusted, unless all are asked for."""
    found = probe_map(POINTS, elements="H", values=[-9.0, -1.0, -3.0, -2.0], closest=0.5)
    assert found.value_range() == (-3.0, 2, -1.0, 1)
    assert found.value_range(extrapolating=True) == (-9.0, 0, -1.0, 1)
    assert np.isnan(replace(found, closest={"H": {"H": 9.0, "O": 9.0}}).value_range().minimum)


def test_minima_of_a_list_of_points() -> None:
    """Points of a list have no neighbours: a grid is needed, and the error says so."""
    with pytest.raises(InputError, match="needs a grid, and the map has a list of 4 points"):
        probe_map(POINTS).minima("H")


def bowl(grid: Grid, *centers: list[float], depth: float = 0.0) -> Any:
    """Return the squared distance of each point to the nearest of some centres."""
    return min_distance(grid.points(), np.array(centers)) + depth


def min_distance(points: Any, centers: Any) -> Any:
    """Return the squared distances to the nearest centre."""
    return ((points[:, None] - centers) ** 2).sum(axis=2).min(axis=1)


def test_minima() -> None:
    """They come from the lowest on, with place, value, unit and index."""
    grid = Grid([0.0, 0.0, 0.0], np.eye(3) * 0.5, (12, 12, 12))
    wells = np.array([[1.5, 1.5, 1.5], [4.0, 4.0, 4.0], [1.5, 4.0, 1.5]])
    values = np.minimum.reduce([min_distance(grid.points(), wells[k : k + 1]) + k for k in range(3)])
    far = replace(WATER, positions=WATER.positions + 50)
    found = probe_map(grid, far, elements="H", values=values).minima()
    assert [one.value for one in found] == [0.0, 1.0, 2.0]
    np.testing.assert_array_equal([one.position for one in found], wells)
    np.testing.assert_array_equal([grid.point(one.point) for one in found], wells)
    assert [one.unit for one in found] == ["eV"] * 3
    assert str(found[1]) == "1.0000 eV at (4.00, 4.00, 4.00) Å"
    assert len(probe_map(grid, far, elements="H", values=values).minima(count=1)) == 1


def test_minima_where_the_model_extrapolates() -> None:
    """They are left out, and the rim of the region that they are in is no minimum."""
    grid = Grid([-2.0, -2.0, -2.0], np.eye(3) * 0.4, (11, 11, 11))
    values = min_distance(grid.points(), np.zeros((1, 3)))
    found = probe_map(grid, WATER, elements="H", values=values, closest=1e-9)
    assert len(found.minima()) == 1
    assert replace(found, closest={"H": {"H": 1.0, "O": 1.0}}).minima() == ()


def test_minima_of_crystals() -> None:
    """Where the grid closes on the cell its faces are inside, and a minimum may be on them."""
    values = np.zeros(COUNTS)
    values[0, 3, 6] = -1.0
    crystal = probe_map(SKEWED, CRYSTAL, elements="H", values=values, closest=0.0)
    (one,) = crystal.minima()
    np.testing.assert_allclose(one.position, SKEWED.axes.T @ [0, 3, 6], rtol=0, atol=1e-12)
    assert replace(crystal, structure=replace(CRYSTAL, pbc=np.array([True, True, False]))).minima() == ()


@pytest.mark.parametrize("count", [-1, 1.5, True, None])
def test_no_such_number_of_minima(count: Any) -> None:
    """How many are wanted is a whole number, and may be none."""
    with pytest.raises(InputError, match="`count` must be whole, from 0 to ") as caught:
        probe_map().minima("H", count=count)
    assert caught.value.field == "count"
    assert probe_map().minima("H", count=0) == ()


@pytest.mark.parametrize(
    "duplicate",
    [lambda one: one, copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))],
    ids=["itself", "copy", "deep copy", "pickle"],
)
def test_copies(duplicate: Any) -> None:
    """A copy is the same map and as unchangeable, whatever was asked of the original before."""
    original = probe_map()
    mask = original.extrapolating
    found: ProbeMap = duplicate(original)
    np.testing.assert_array_equal(found.values, original.values)
    np.testing.assert_array_equal(found.extrapolating, mask)
    assert (found.fields, found.model) == (original.fields, MODEL)
    with pytest.raises(ValueError, match="read-only"):
        found.values[0] = 0.0
    with pytest.raises(TypeError):
        found.closest["H"]["O"] = 0.0  # type: ignore[index]


@pytest.mark.parametrize("left_out", [(), (0,)], ids=["all", "left out"])
@pytest.mark.parametrize(
    ("structure", "elements", "model"),
    [
        (WATER, ("H", "O"), "toy-schnet-energy"),
        (
            Structure([11, 17], [[9.0, -7.0, 2.0], [11.8, -7.0, 2.0]], CELL, True),
            ("O", "Na"),
            "toy-schnet-formation",
        ),
        (
            Structure([11, 17], [[9.0, -7.0, 2.0], [11.8, -7.0, 2.0]], CELL, [True, False, True]),
            ("Cl",),
            "toy-schnet-formation",
        ),
    ],
    ids=["molecule", "crystal", "slab"],
)
@pytest.mark.parametrize(
    "where",
    [{"spacing": 0.7}, {"grid": ALIGNED}, {"points": np.random.default_rng(1).uniform(-9, 9, (500, 3))}],
    ids=["fitted", "grid", "points"],
)
def test_the_server_says_the_same(
    structure: Structure,
    elements: tuple[str, ...],
    model: str,
    left_out: tuple[int, ...],
    where: dict[str, Any],
    client: Client,
) -> None:
    """What extrapolates and what the ranges are agrees with what the server counted on its own."""
    stream = client.probe(structure, elements, model, left_out=left_out, **where)
    found = stream.collect()
    assert stream.trailer is not None
    assert dict(zip(found.elements, found.flagged, strict=True)) == stream.trailer.extrapolating
    ranges = [found.value_range(element) for element in elements]
    np.testing.assert_array_equal(ranges, stream.trailer.trusted_ranges)
    everywhere = [found.value_range(element, extrapolating=True) for element in elements]
    np.testing.assert_array_equal(everywhere, stream.trailer.ranges)


def test_points_that_extrapolate_for_other_reasons() -> None:
    """They are what extrapolates, in numbers and ranges too; the first map keeps its own."""
    found = probe_map()
    mask = np.zeros(found.values.shape, np.bool_)
    mask[0] = found.values[0] > np.median(found.values[0])
    marked = found.with_extrapolating(mask)
    assert marked.flagged == (mask[0].sum(), 0)
    assert marked.value_range("H").maximum <= np.median(found.values[0])
    assert marked.select("H").flagged == (mask[0].sum(),)
    assert not np.array_equal(found.extrapolating, mask)
    mask[:] = True
    assert marked.flagged[1] == 0


def test_a_mask_of_another_shape() -> None:
    """There is a flag for each value."""
    with pytest.raises(InputError, match="`mask` must be"):
        probe_map().with_extrapolating(np.zeros((1, 2), np.bool_))
