"""Meshes of surfaces against spheres and sums written out."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from atomlens.client import InputError, Structure
from atomlens.client.report import Mesh, Surface, mesh, triangulation
from atomlens.client.structure import Floats

from .conftest import BENZENE, SALT, WATER

NAMES = ["distance:1.6", "distance:2.0", "distance:2.5", "inverse-power:2:3.8", "inverse-power:50:1e-10"]


def edges(found: Mesh) -> npt.NDArray[np.int64]:
    """Return how many triangles share each edge."""
    pairs = found.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    return np.unique(np.sort(pairs, axis=1), axis=0, return_counts=True)[1]


def off_level(found: Mesh, positions: Floats, surface: Surface) -> Floats:
    """Return by how many Å vertices are off the level, along the steepest way."""
    apart = np.linalg.norm(found.vertices[:, None] - positions, axis=2)
    sums = (apart**-surface.power).sum(axis=1)
    off: Floats = sums ** (-1 / surface.power) - surface.distance_angstrom
    return off


def volume(found: Mesh) -> float:
    """Return the volume inside a closed mesh, negative if its faces look inwards."""
    a, b, c = found.vertices[found.faces].transpose(1, 0, 2)
    return float((a * np.cross(b, c)).sum() / 6)


def test_one_atom() -> None:
    """The surface of one atom is a sphere, closed, whose faces look outwards."""
    found = mesh(Structure([1], [[10.0, 20.0, 30.0]]), "distance:2.0", 0.1)
    np.testing.assert_allclose(np.linalg.norm(found.vertices - [10.0, 20.0, 30.0], axis=1), 2.0)
    assert found.area == pytest.approx(16 * np.pi, rel=2e-3)
    assert volume(found) == pytest.approx(32 * np.pi / 3, rel=2e-3)
    assert set(edges(found)) == {2}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("structure", [WATER, BENZENE], ids=["water", "benzene"])
def test_molecules(structure: Structure, name: str) -> None:
    """Every vertex is on the level set, and every edge between two triangles: nothing is clipped."""
    surface = Surface.parse(name)
    found = mesh(structure, surface, 0.2)
    assert np.abs(off_level(found, structure.positions, surface)).max() < 1e-6
    assert set(edges(found)) == {2}
    assert volume(found) > 0


def test_far_from_the_origin() -> None:
    """A molecule that is moved takes its surface with it."""
    there = Structure(WATER.numbers, WATER.positions + 5_000.0)
    near, far = mesh(WATER), mesh(there)
    np.testing.assert_allclose(far.vertices, near.vertices + 5_000.0, atol=1e-6)
    np.testing.assert_array_equal(far.faces, near.faces)


def test_two_atoms_apart() -> None:
    """Two atoms far from each other have two spheres."""
    found = mesh(Structure([1, 1], [[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]]), "distance:1.5", 0.15)
    assert found.area == pytest.approx(2 * 9 * np.pi, rel=5e-3)
    assert len(found) - len(edges(found)) + len(found.faces) == 4


@pytest.mark.parametrize("handed", [1, -1])
def test_crystal(handed: int) -> None:
    """Vertices are on the level of all images, inside the cell, and reach its faces on both sides."""
    assert SALT.cell is not None
    cell = SALT.cell[::handed]
    salt = Structure(SALT.numbers, SALT.positions, cell, True)
    surface = Surface(1.6)
    found = mesh(salt, surface, 0.15)
    shifts = np.array(list(product(range(-4, 5), repeat=3))) @ cell
    every = (salt.positions + shifts[:, None]).reshape(-1, 3)
    assert np.abs(off_level(found, every, surface)).max() < 1e-3
    inside = found.vertices @ np.linalg.inv(cell)
    assert (inside.min(), inside.max()) == (pytest.approx(0.0, abs=1e-9), pytest.approx(1.0, abs=1e-9))
    a, b, c = found.vertices[found.faces].transpose(1, 0, 2)
    nearest = every[np.linalg.norm(a[:, None] - every, axis=2).argmin(axis=1)]
    outwards = (np.cross(b - a, c - a) * (a - nearest)).sum(axis=1) > 0
    assert outwards.mean() > 0.99


def test_opposite_faces_meet() -> None:
    """What leaves the cell on one side comes in on the other."""
    assert SALT.cell is not None
    inside = mesh(SALT, "distance:1.6", 0.2).vertices @ np.linalg.inv(SALT.cell)
    first, last = (inside[np.abs(inside[:, 0] - end) < 1e-9][:, 1:] for end in (0.0, 1.0))
    assert len(first) == len(last) > 10
    order, other = (np.lexsort(np.round(side, 4).T) for side in (first, last))
    np.testing.assert_allclose(first[order], last[other], atol=1e-4)


def test_slab() -> None:
    """Where a structure does not repeat, its surface is as far out as it is."""
    slab = Structure([6], [[0.5, 0.5, 7.0]], np.diag([2.0, 2.0, 1.0]), (True, True, False))
    heights = mesh(slab, "distance:1.8", 0.2).vertices[:, 2] - 7.0
    assert 1.75 < heights.max() < 1.81
    assert heights.min() == pytest.approx(-heights.max())


@pytest.mark.parametrize("distance", [2.5, 9.0])
def test_a_cell_without_room(distance: float) -> None:
    """Where atoms fill the cell the error tells how far inside a surface must be."""
    big = Structure([11, 17], [[0.0] * 3, [2.82, 0.0, 0.0]], 2.82 * (1 - np.eye(3)), True)
    with pytest.raises(InputError) as caught:
        mesh(big, f"distance:{distance}")
    assert caught.value.reason == "NO_SURFACE"
    assert "encloses the whole cell, whose farthest point is at distance:2.0" in str(caught.value)


@pytest.mark.parametrize("spacing", [0.0, -1.0, np.nan, 1.01])
def test_spacing(spacing: float) -> None:
    """A spacing at which the surface of an atom could be missed is refused."""
    with pytest.raises(InputError, match=r"at most half of the surface's distance, 1 Å, got"):
        mesh(WATER, "distance:2.0", spacing)


def test_too_many_vertices(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one request of probes cannot hold is refused, with what to change."""
    monkeypatch.setattr(triangulation, "MAX_VERTICES", 1000)
    with pytest.raises(
        InputError, match=r"`spacing` must be larger .* it has [\d,]+ points, more than 1,000"
    ):
        mesh(WATER)


def test_too_large_a_grid() -> None:
    """So is a grid that would not fit into memory."""
    wide = Structure([1, 1], [[0.0] * 3, [500.0] * 3])
    with pytest.raises(InputError, match=r"its grid has [\d,]+ points, more than 40,000,000"):
        mesh(wide)


def test_a_mesh_does_not_change() -> None:
    """Its arrays cannot be written to."""
    with pytest.raises(ValueError, match="read-only"):
        mesh(WATER).vertices[0] = 0.0
