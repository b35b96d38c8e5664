"""`atomlens.server.probes.places`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from atomlens.server.buffers import encode
from atomlens.server.errors import InputError
from atomlens.server.limits import Limits
from atomlens.server.probes.places import Grid, PointList
from atomlens.server.structures import Floats, Structures
from atomlens.v1 import probes_pb2

Crystal = Callable[..., Structures]
LIMITS = Limits()
STRAIGHT = np.diag([0.2, 0.3, 0.5])
SKEWED = np.array([[0.7, 0.1, 0.0], [0.0, -0.6, 0.2], [-0.1, 0.3, 0.8]])
CELL = np.array([[5.0, 0.0, 0.0], [1.5, 4.0, 0.0], [-1.0, 0.8, 4.5]])


def grid_message(
    origin: Any = (1.0, -2.0, 0.5), axes: Any = STRAIGHT, counts: Any = (3, 4, 5)
) -> probes_pb2.Grid:
    """Return a grid as a client sends it."""
    return probes_pb2.Grid(
        origin=encode(np.array(origin), "<f8"),
        axes=encode(np.array(axes), "<f8"),
        counts=encode(np.array(counts), "<i4"),
    )


def fitted(structure: Structures, spacing: float = 0.5, margin: float = 3.0) -> Grid:
    """Return a grid around a structure."""
    message = probes_pb2.FittedGrid(spacing_angstrom=spacing, margin_angstrom=margin)
    return Grid.fitted(message, structure, LIMITS)


def molecule(positions: Floats) -> Structures:
    """Return a molecule of hydrogen atoms."""
    return Structures.molecules([len(positions)], [1] * len(positions), positions)


@pytest.mark.parametrize("axes", [STRAIGHT, SKEWED], ids=["straight", "skewed"])
def test_the_last_axis_counts_fastest(axes: Floats) -> None:
    """Points are where a triple loop finds them, in its order."""
    grid = Grid.from_proto(grid_message(axes=axes), LIMITS)
    expected = [
        grid.origin + i * axes[0] + j * axes[1] + k * axes[2]
        for i in range(3)
        for j in range(4)
        for k in range(5)
    ]
    assert len(grid) == len(expected) == 60
    assert np.array_equal(grid.points(0, 60), expected)


def test_points_are_the_same_in_any_company(rng: np.random.Generator) -> None:
    """To the last bit, whichever run of points is asked for."""
    grid = Grid(rng.uniform(-9, 9, 3), SKEWED * np.pi, np.array([17, 1, 23]))
    points = grid.points(0, len(grid))
    for _ in range(50):
        first, last = np.sort(rng.integers(0, len(grid) + 1, 2)).tolist()
        assert np.array_equal(grid.points(first, last), points[first:last])


def test_a_grid_survives_the_wire() -> None:
    """A header tells exactly the grid that points are placed on."""
    grid = Grid(np.array([0.1, 0.2, 0.3]), SKEWED / 3, np.array([2, 3, 4]))
    read = Grid.from_proto(grid.to_proto(), LIMITS)
    assert np.array_equal(read.points(0, 24), grid.points(0, 24))
    assert read.to_bytes() == grid.to_bytes()


@pytest.mark.parametrize(
    "changes",
    [{"origin": np.array([0.0, 0.0, 1e-15])}, {"axes": SKEWED}, {"counts": np.array([4, 3, 2])}],
    ids=["origin", "axes", "counts"],
)
def test_bytes_differ_where_grids_do(changes: dict[str, Any]) -> None:
    """However little."""
    grid = Grid(np.zeros(3), STRAIGHT, np.array([2, 3, 4]))
    assert replace(grid, **changes).to_bytes() != grid.to_bytes()


@pytest.mark.parametrize("offset", [0.0, 5e5], ids=["here", "far out"])
@pytest.mark.parametrize(("spacing", "margin"), [(0.2, 3.0), (0.37, 1.1), (0.5, 0.0), (7.0, 3.0)])
def test_a_grid_around_a_molecule_keeps_the_margin(
    spacing: float, margin: float, offset: float, rng: np.random.Generator
) -> None:
    """It is aligned with x, y and z, has the spacing, and reaches as far on one side as on the other."""
    positions = rng.uniform(-2, 2, (9, 3)) * [1.0, 2.0, 0.1] + offset
    grid = fitted(molecule(positions), spacing, margin)
    points = grid.points(0, len(grid))
    below = positions.min(0) - points.min(0)
    above = points.max(0) - positions.max(0)
    assert np.array_equal(grid.axes, spacing * np.eye(3))
    assert np.abs(below - above).max() < 1e-9
    assert below.min() > margin - 1e-9
    assert (below + above - 2 * margin).max() < spacing


@pytest.mark.parametrize("margin", [0.0, 3.0])
@pytest.mark.parametrize("noise", [0.0, 1e-16])
def test_a_plane_without_a_margin_is_one_layer(margin: float, noise: float) -> None:
    """Rounding does not make two of it."""
    positions = np.array([[-1.0, 0.0, 0.0], [1.0, 0.0, noise], [0.0, 1.0, 0.0]])
    assert fitted(molecule(positions), 0.5, margin).counts.tolist() == (
        [5, 3, 1] if margin == 0 else [17, 15, 13]
    )


@pytest.mark.parametrize("spacing", [0.2, 0.37, 4.0, 100.0, 1e300])
@pytest.mark.parametrize("cell", [CELL, np.diag([3.0, 4.0, 5.0]), CELL[::-1] * 0.9], ids=["a", "b", "c"])
def test_a_grid_of_a_crystal_closes_on_the_cell(cell: Floats, spacing: float, crystal: Crystal) -> None:
    """Lattice vectors are taken in as few equal steps as the spacing allows, from the cell's origin."""
    grid = fitted(crystal([1, 1], [[0.3, 0.2, 9.0], [-7.0, 2.0, 2.0]], cell), spacing)
    steps = np.linalg.norm(grid.axes, axis=1)
    assert np.array_equal(grid.origin, np.zeros(3))
    assert np.abs(grid.axes * grid.counts[:, None] - cell).max() < 1e-14
    assert steps.max() <= spacing * (1 + 1e-9)
    fewer = grid.counts - 1
    assert (np.linalg.norm(cell, axis=1)[fewer > 0] > spacing * fewer[fewer > 0]).all()


@pytest.mark.parametrize(
    "pbc",
    [(True, True, False), (False, True, True), (False, True, False)],
    ids=["slab", "other slab", "wire"],
)
def test_a_grid_of_a_slab_reaches_beyond_it(
    pbc: tuple[bool, ...], crystal: Crystal, rng: np.random.Generator
) -> None:
    """Across what repeats it keeps the margin at right angles, whatever the cell says there."""
    positions = rng.uniform(-3, 3, (5, 3))
    grid = fitted(crystal([1] * 5, positions, CELL, pbc), 0.4, 2.0)
    closed = np.array(pbc)
    across = grid.axes[~closed] / 0.4  # (not repeating, 3)
    assert np.abs(grid.axes[closed] * grid.counts[closed, None] - CELL[closed]).max() < 1e-14
    assert np.abs(grid.axes[closed] @ across.T).max() < 1e-12
    assert np.abs(across @ across.T - np.eye(len(across))).max() < 1e-12
    heights, reached = positions @ across.T, grid.points(0, len(grid)) @ across.T
    assert (heights.min(0) - reached.min(0)).min() > 2.0 - 1e-9
    assert (reached.max(0) - heights.max(0)).min() > 2.0 - 1e-9
    assert (np.ptp(reached, axis=0) - np.ptp(heights, axis=0)).max() < 4.0 + 0.4


@pytest.mark.parametrize(
    ("changes", "message", "reason", "field"),
    [
        ({"counts": (0, 4, 5)}, r"`counts` must be 1 or more .*, got \[0, 4, 5\]", "WRONG_SHAPE", "counts"),
        ({"counts": (3, -4, 5)}, r"`counts` must be 1 or more", "WRONG_SHAPE", "counts"),
        ({"counts": (3, 4)}, r"`grid.counts` must be int32 \(3,\), got 8 bytes", "WRONG_SHAPE", "counts"),
        ({"counts": (300, 300, 300)}, r"at most 20000000 points .*, got 2.7e\+07", "TOO_MANY_POINTS", ""),
        ({"counts": [2**31 - 1] * 3}, r"`max_probe_points`.*, got 9.9\d*e\+27", "TOO_MANY_POINTS", ""),
        ({"origin": (0, 0)}, r"`grid.origin` must be float64 \(3,\), got 16 bytes", "WRONG_SHAPE", "origin"),
        ({"origin": (np.nan, 0, 0)}, r"`origin` must be finite, got \[nan", "NOT_FINITE", "origin[0]"),
        ({"origin": (0, -2e6, 0)}, r"`origin` must lie within 1e\+06 Å", "COORDINATES_TOO_LARGE", "origin"),
        ({"axes": np.eye(2)}, r"`grid.axes` must be float64 \(3, 3\), got 32", "WRONG_SHAPE", "axes"),
        ({"axes": np.diag([1, np.inf, 1])}, r"`axes` must be finite, got", "NOT_FINITE", "axes[1]"),
        ({"axes": np.ones((3, 3))}, r"`axes` must span a volume, got", "SINGULAR_AXES", "axes"),
        ({"axes": np.zeros((3, 3))}, r"`axes` must span a volume, got", "SINGULAR_AXES", "axes"),
        ({"axes": np.eye(3) * 1e-200}, r"`axes` must span a volume, got", "SINGULAR_AXES", "axes"),
        ({"axes": np.eye(3) * 1e300}, r"at most 1000 Å long along each axis, got", "GRID_TOO_LARGE", ""),
        ({"axes": np.eye(3) * 251}, r"at most 1000 Å long .*, got 1004 Å", "GRID_TOO_LARGE", ""),
    ],
)
def test_errors_of_grids_name_the_part(
    changes: dict[str, Any], message: str, reason: str, field: str
) -> None:
    """And the rule, and what came."""
    with pytest.raises(InputError, match=message) as caught:
        Grid.from_proto(grid_message(**changes), LIMITS)
    assert (caught.value.reason, caught.value.field) == (reason, f"grid.{field}" if field else "grid")


@pytest.mark.parametrize(
    ("changes", "message", "reason", "field"),
    [
        ({"spacing": 0.0}, "`spacing_angstrom` must be positive and finite, got 0", None, "spacing_angstrom"),
        ({"spacing": -0.2}, "`spacing_angstrom` must be positive .* -0.2", None, "spacing_angstrom"),
        ({"spacing": np.nan}, "`spacing_angstrom` must be positive .* nan", None, "spacing_angstrom"),
        ({"spacing": np.inf}, "`spacing_angstrom` must be positive .* inf", None, "spacing_angstrom"),
        ({"margin": -1.0}, "`margin_angstrom` must be 0 or more .* -1", None, "margin_angstrom"),
        ({"margin": np.nan}, "`margin_angstrom` must be 0 or more .* nan", None, "margin_angstrom"),
        ({"margin": np.inf}, "`margin_angstrom` must be 0 or more .* inf", None, "margin_angstrom"),
        ({"spacing": 1e-3}, "at most 20000000 points", "TOO_MANY_POINTS", ""),
        ({"spacing": 1e-300}, "at most 20000000 points", "TOO_MANY_POINTS", "spacing_angstrom"),
        ({"spacing": 5e-324}, "at most 20000000 points", "TOO_MANY_POINTS", "spacing_angstrom"),
        ({"margin": 1e308}, "at most 20000000 points", "TOO_MANY_POINTS", "spacing_angstrom"),
        ({"spacing": 5e-324, "margin": 0.0}, "points .*, got inf", "TOO_MANY_POINTS", "spacing_angstrom"),
        ({"margin": 600.0, "spacing": 10.0}, "at most 1000 Å long", "GRID_TOO_LARGE", ""),
        ({"spacing": 1e12}, r"at most 1000 Å long along each axis, got 1e\+12 Å", "GRID_TOO_LARGE", ""),
        ({"spacing": 1e300}, r"at most 1000 Å long along each axis, got", "GRID_TOO_LARGE", ""),
    ],
)
def test_errors_of_fitted_grids_name_the_part(
    changes: dict[str, float], message: str, reason: str | None, field: str, water: Structures
) -> None:
    """Whatever is asked for, memory and counts stay bounded."""
    with pytest.raises(InputError, match=message) as caught:
        fitted(water, **changes)
    assert caught.value.reason == (reason or "WRONG_SHAPE")
    assert caught.value.field == (f"fitted.{field}" if field else "fitted")


def test_a_list_of_points_is_as_it_was_sent(rng: np.random.Generator) -> None:
    """Bit for bit and in order, any run of it."""
    positions = rng.uniform(-1e6, 1e6, (40, 3))
    points = PointList.from_bytes(positions.tobytes(), LIMITS)
    assert len(points) == 40
    assert np.array_equal(points.points(7, 31), positions[7:31])
    assert points.to_bytes() == positions.tobytes()


@pytest.mark.parametrize(
    ("points", "message", "reason", "field"),
    [
        ([], "there must be a point at least, got none", "NO_POINTS", "points"),
        ([1.0, 2.0], r"`points` must be float64 \(-1, 3\), got 16 bytes", "WRONG_SHAPE", "points"),
        ([[0.0] * 3] * 8, "at most 7 points .* got 8", "TOO_MANY_POINTS", "points"),
        ([[0.0] * 3, [0.0, np.nan, 0.0]], r"`points` must be finite, got", "NOT_FINITE", "points[1]"),
        ([[0.0] * 3, [0.0, 0.0, -np.inf]], r"`points` must be finite, got", "NOT_FINITE", "points[1]"),
        ([[0.0] * 3] * 2 + [[0, 0, 1.1e6]], r"must lie within 1e\+06", "COORDINATES_TOO_LARGE", "points[2]"),
    ],
)
def test_errors_of_lists_name_the_point(points: Any, message: str, reason: str, field: str) -> None:
    """And the rule, and what came."""
    with pytest.raises(InputError, match=message) as caught:
        PointList.from_bytes(np.array(points, np.float64).tobytes(), Limits(max_probe_points=7))
    assert (caught.value.reason, caught.value.field) == (reason, field)
