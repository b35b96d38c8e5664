"""The soft distance against sums written out."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.client import InputError, Structure
from atomlens.client.probe import Grid
from atomlens.client.report import Surface
from atomlens.client.report.images import Frame, images
from atomlens.client.report.soft_distance import FINE, at_points, on_grid, reach_angstrom
from atomlens.client.structure import Floats

SURFACES = [Surface(), Surface(1.3), Surface(0.6, 2.0), Surface(1.5, 6.5), Surface(2.0, 100.0)]
CELL = np.array([[4.2, 0.0, 0.0], [1.3, 3.9, 0.0], [-0.4, 0.8, 4.4]])


def cloud(atoms: int = 40) -> Structure:
    """Return atoms at random places."""
    return Structure([6] * atoms, np.random.default_rng(2).uniform(-4, 4, (atoms, 3)) + 100.0)


def soft_distance(centers: Floats, surface: Surface, points: Floats) -> Floats:
    """Return D by its formula."""
    apart = np.linalg.norm(points[:, None] - centers, axis=2)
    with np.errstate(over="ignore"):
        found: Floats = (apart**-surface.power).sum(axis=1) ** (-1 / surface.power)
    return found


@pytest.mark.parametrize("surface", SURFACES, ids=str)
def test_on_a_grid(surface: Surface) -> None:
    """Near the level, D of a grid is D by its formula; elsewhere it is on the right side of the level."""
    structure = cloud()
    grid = Grid([94.0] * 3, [[0.5, 0.0, 0.0], [0.1, 0.45, 0.0], [0.0, 0.05, 0.55]], (30, 24, 26))
    values = on_grid(structure, Frame.of(structure), surface, grid).ravel()
    expected = soft_distance(structure.positions, surface, grid.points()) / surface.distance_angstrom
    near = np.abs(expected - 1) < 0.3
    np.testing.assert_allclose(values[near], expected[near], rtol=0.01)
    np.testing.assert_array_equal(values[~near] > 1, expected[~near] > 1)


def test_a_point_on_a_nucleus() -> None:
    """The sum has no end there; D is nothing and no warning is given."""
    structure = Structure([6], [[0.0] * 3])
    grid = Grid([-1.0] * 3, np.eye(3), (3, 3, 3))
    values = on_grid(structure, Frame.of(structure), Surface(2.0, 100.0), grid)
    assert 0.0 <= values[1, 1, 1] < 0.6
    assert np.isfinite(values).all()


@pytest.mark.parametrize("surface", SURFACES, ids=str)
def test_gradients(surface: Surface) -> None:
    """D is that of its formula, and its gradient what finite differences give."""
    structure = cloud()
    points = np.random.default_rng(3).uniform(93, 107, (60, 3))
    distances, gradients = at_points(structure.positions, surface, points, 1e3)
    np.testing.assert_allclose(distances, soft_distance(structure.positions, surface, points), rtol=1e-9)
    for axis in range(3):
        step = 1e-5 * np.eye(3)[axis]
        ahead = soft_distance(structure.positions, surface, points + step)
        behind = soft_distance(structure.positions, surface, points - step)
        np.testing.assert_allclose(gradients[:, axis], (ahead - behind) / 2e-5, atol=1e-6)


@pytest.mark.parametrize("pbc", [(True, True, True), (True, True, False), (False, True, False)])
@pytest.mark.parametrize("power", [6.0, 12.0])
def test_reach_of_what_repeats(pbc: tuple[bool, bool, bool], power: float) -> None:
    """Images beyond reach change D by less than a thousandth of an Å at the level."""
    structure = Structure([11, 17], [[0.0] * 3, [2.0, 1.9, 2.1]], CELL, pbc)
    frame, surface = Frame.of(structure), Surface(1.4, power)
    reach = reach_angstrom(structure, frame, surface, FINE)
    points = np.random.default_rng(4).random((50, 3)) @ frame.basis
    near, _ = at_points(images(structure, frame, reach), surface, points, reach)
    every = soft_distance(images(structure, frame, 3 * reach), surface, points)
    at_level = np.abs(every - 1.4) < 0.3
    assert at_level.any()
    np.testing.assert_allclose(near[at_level], every[at_level], atol=1e-3)


def test_a_sum_without_end() -> None:
    """The powers of a crystal's images have a sum only above 3."""
    structure = Structure([11], [[0.0] * 3], CELL, True)
    with pytest.raises(InputError, match="no end at a power of 3 or less"):
        reach_angstrom(structure, Frame.of(structure), Surface(1.0, 3.0), FINE)


def test_too_many_terms() -> None:
    """A flat power over many atoms is refused before it is begun."""
    structure = cloud(20_000)
    grid = Grid([90.0] * 3, 0.1 * np.eye(3), (200, 200, 200))
    with pytest.raises(InputError, match=r"takes 160,000,000,000 terms, more than 4,000,000,000"):
        on_grid(structure, Frame.of(structure), Surface(1.0, 2.0), grid)
