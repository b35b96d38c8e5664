"""`atomlens.server.probes.tiles`: against distances between all points and all atoms."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from atomlens.server.probes.field import Field
from atomlens.server.probes.places import Grid
from atomlens.server.probes.tiles import (
    FEW_ATOMS,
    LEAST_FELT,
    MOST_PAIRS,
    MOST_POINTS,
    RUN_PAIRS,
    WIDEST_ANGSTROM,
    Tile,
    runs_of,
    tiles,
)
from atomlens.server.structures import Floats, Integers, Structures

Crystal = Callable[..., Structures]
CUTOFF = 5.0
NONE = np.zeros(0, np.int64)
CELL = np.array([[5.0, 0.0, 0.0], [1.5, 4.0, 0.0], [-1.0, 0.8, 4.5]])


def field_of(positions: Floats, left_out: Integers = NONE) -> Field:
    """Return the field of a molecule."""
    return Field.of(Structures.molecules([len(positions)], [1] * len(positions), positions), CUTOFF, left_out)


def spread(shape: str, rng: np.random.Generator) -> Floats:
    """Return points of one shape."""
    points = {
        "one": rng.uniform(-1, 1, (1, 3)),
        "few": rng.uniform(-9, 9, (100, 3)),
        "cloud": rng.uniform(-12, 12, (6000, 3)),
        "line": rng.uniform(-60, 60, (3000, 1)) * [1.0, 0.2, 0.0],
        "heap": np.repeat(rng.uniform(-3, 3, (2, 3)), 1700, axis=0),
        "outlier": np.concatenate([rng.uniform(-2, 2, (500, 3)), [[1e6, -1e6, 1e6]]]),
        "far": rng.uniform(1e5, 9e5, (3000, 3)),
        "plane": Grid(np.array([-9.0, -9, 1.0]), 0.15 * np.eye(3), np.array([128, 128, 1])).points(0, 16_384),
    }
    return points[shape]


SHAPES = ["one", "few", "cloud", "line", "heap", "outlier", "far", "plane"]


def check_cut(points: Floats, field: Field, cut: list[Tile]) -> None:
    """Fail where a point is in no tile or in two, a tile is too large, or lacks an atom that is felt."""
    rows = np.concatenate([tile.rows for tile in cut])
    assert np.array_equal(np.sort(rows), np.arange(len(points)))
    for tile in cut:
        assert np.array_equal(tile.points, field.home(points)[tile.rows])
        assert len(tile.rows) <= MOST_POINTS
        assert len(tile.rows) == 1 or len(tile.rows) * len(tile.felt) <= MOST_PAIRS
        between = tile.points[:, None] - field.positions  # (points of the tile, field, 3)
        near = np.flatnonzero((np.linalg.norm(between, axis=2) < CUTOFF).any(0))
        assert np.isin(near, tile.felt).all()
        assert len(set(tile.felt.tolist())) == len(tile.felt)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_point_is_in_one_tile_with_all_that_it_feels(shape: str, rng: np.random.Generator) -> None:
    """Tiles are bounded in points and in points times atoms, however points are spread."""
    points = spread(shape, rng)
    field = field_of(rng.uniform(-6, 6, (60, 3)))
    check_cut(points, field, list(tiles(points, field, CUTOFF)))


@pytest.mark.parametrize("pbc", [(True, True, True), (True, False, True)], ids=["crystal", "slab"])
def test_points_outside_the_cell_are_tiled_in_it(
    pbc: tuple[bool, ...], crystal: Crystal, rng: np.random.Generator
) -> None:
    """With the images that they feel there."""
    field = Field.of(crystal([1] * 3, rng.uniform(-4, 9, (3, 3)), CELL, pbc), CUTOFF, NONE)
    points = rng.uniform(-30, 30, (2000, 3))
    check_cut(points, field, list(tiles(points, field, CUTOFF)))


@pytest.mark.parametrize("shape", SHAPES)
def test_float32_holds_every_tile_that_feels_anything(shape: str, rng: np.random.Generator) -> None:
    """Such tiles are narrow; only where there are few atoms are they wider than the cutoff."""
    points = spread(shape, rng)
    field = field_of(rng.uniform(-6, 6, (60, 3)))
    for tile in tiles(points, field, CUTOFF):
        widest = np.ptp(tile.points, axis=0).max()
        assert not len(tile.felt) or widest <= WIDEST_ANGSTROM
        assert len(tile.felt) <= FEW_ATOMS or widest <= CUTOFF


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_points_make_the_same_tiles(shape: str, rng: np.random.Generator) -> None:
    """To the last bit, or slabs of two answers would not fit together."""
    points = spread(shape, rng)
    field = field_of(rng.uniform(-6, 6, (60, 3)))
    for one, other in zip(tiles(points, field, CUTOFF), tiles(points.copy(), field, CUTOFF), strict=True):
        assert np.array_equal(one.rows, other.rows)
        assert np.array_equal(one.points, other.points)
        assert np.array_equal(one.felt, other.felt)


def test_without_atoms_there_are_tiles_too(rng: np.random.Generator) -> None:
    """That feel nothing."""
    points = spread("cloud", rng)
    field = field_of(np.zeros((1, 3)), np.array([0]))
    cut = list(tiles(points, field, CUTOFF))
    check_cut(points, field, cut)
    assert not any(len(tile.felt) for tile in cut)


def test_in_a_large_cluster_a_tile_feels_a_small_part(
    cluster: Callable[[int], Floats], rng: np.random.Generator
) -> None:
    """Of 10,000 atoms none more than a tenth, and the mean a twentieth: work grows with the points alone."""
    positions = cluster(10_000)
    field = field_of(positions)
    low, counts = positions.min(0), np.array([16, 32, 32])
    grid = Grid(low, np.diag((positions.max(0) - low) / counts), counts)
    for points in (grid.points(0, 16_384), rng.uniform(low, positions.max(0), (16_384, 3))):
        felt = np.concatenate(
            [np.full(len(tile.rows), len(tile.felt)) for tile in tiles(points, field, CUTOFF)]
        )
        assert len(felt) == 16_384
        assert felt.max() < 1000
        assert felt.mean() < 500


def test_runs_keep_the_order_of_tiles_and_bound_their_pairs() -> None:
    """All tiles are in one run each; a run is full only where the next tile would not fit."""
    rng = np.random.default_rng(0)
    shapes = zip(rng.integers(1, 1025, 50).tolist(), rng.integers(0, 60, 50).tolist(), strict=True)
    tiles_ = [
        Tile(np.arange(points), np.zeros((points, 3)), np.zeros(3), np.arange(atoms))
        for points, atoms in shapes
    ]
    runs = runs_of(tiles_)
    assert [tile for run in runs for tile in run] == tiles_
    costs = [[len(tile.rows) * max(len(tile.felt), LEAST_FELT) for tile in run] for run in runs]
    assert all(len(run) == 1 or sum(run) <= RUN_PAIRS for run in costs)
    assert all(sum(run) + after[0] > RUN_PAIRS for run, after in pairwise(costs))
    assert runs_of([]) == []
