"""`atomlens.client.probe.closeness`."""

from __future__ import annotations

import tracemalloc
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from atomlens.client import Structure
from atomlens.client.probe import Grid
from atomlens.client.probe.closeness import close_points
from atomlens.client.structure import Floats

CELL = np.array([[5.0, 0.0, 0.0], [1.5, 4.0, 0.0], [-1.0, 0.8, 4.5]])
SYSTEMS = {
    "molecule": (None, (False, False, False)),
    "crystal": (CELL, (True, True, True)),
    "small crystal": (CELL * 0.4, (True, True, True)),
    "slab": (CELL * [[1], [1], [0]], (True, True, False)),
    "wire": (CELL, (False, True, False)),
}


def system(name: str, rng: np.random.Generator, atoms: int = 6) -> tuple[Structure, Floats]:
    """Return a structure some of whose atoms lie outside the cell, and distances of two fields."""
    cell, pbc = SYSTEMS[name]
    structure = Structure(np.full(atoms, 6), rng.uniform(-3, 8, (atoms, 3)), cell, pbc)
    shrunk = 0.3 if name == "small crystal" else 1.0
    return structure, rng.uniform(0.4 * shrunk, 1.6 * shrunk, (2, atoms))


def double_loop(
    points: Floats, structure: Structure, distances: Floats, left_out: tuple[int, ...] = ()
) -> npt.NDArray[np.bool_]:
    """Return the same from the distances between each point and each image of each atom."""
    cell = np.zeros((3, 3)) if structure.cell is None else structure.cell
    most = int(25 / (np.linalg.norm(cell, axis=1).max() or 25))
    reach = [range(-most, most + 1) if repeats else range(1) for repeats in structure.pbc]
    moves = np.array(list(product(*reach))) @ cell  # (images, 3)
    close = np.zeros((len(distances), len(points)), np.bool_)
    for atom, position in enumerate(structure.positions):
        if atom in left_out:
            continue
        for number, point in enumerate(points):
            nearest = np.linalg.norm(position + moves - point, axis=1).min()
            close[:, number] |= nearest < distances[:, atom]
    return close


@pytest.mark.parametrize("name", SYSTEMS)
def test_points(name: str, rng: np.random.Generator) -> None:
    """A point is close when some image of some atom is, wherever points and atoms are."""
    structure, distances = system(name, rng)
    points = rng.uniform(-9, 12, (300, 3))
    found = close_points(points, structure, distances)
    np.testing.assert_array_equal(found, double_loop(points, structure, distances))
    assert 0 < found.sum() < found.size


@pytest.mark.parametrize("name", SYSTEMS)
def test_grids(name: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The points of a skewed grid are close as they are in a list, also when they are looked at in parts."""
    structure, distances = system(name, rng)
    grid = Grid([-1.0, 0.5, 0.0], [[0.7, 0.1, 0.0], [0.0, 0.6, 0.2], [-0.1, 0.0, 0.8]], (8, 7, 6))
    expected = double_loop(grid.points(), structure, distances)
    np.testing.assert_array_equal(close_points(grid, structure, distances), expected)
    monkeypatch.setattr("atomlens.client.probe.closeness.POINTS", 50)
    np.testing.assert_array_equal(close_points(grid, structure, distances), expected)


def test_atoms_left_out(rng: np.random.Generator) -> None:
    """In a molecule they count for nothing."""
    structure, distances = system("molecule", rng)
    points = structure.positions + rng.normal(0, 0.1, (6, 3))
    found = close_points(points, structure, distances, (1, 4))
    np.testing.assert_array_equal(found, double_loop(points, structure, distances, (1, 4)))
    assert not np.array_equal(found, close_points(points, structure, distances))


@pytest.mark.parametrize("move", [(0, 0, 0), (2, -1, 3)], ids=["home", "away"])
def test_images_of_atoms_left_out(move: tuple[int, int, int]) -> None:
    """In a crystal the copy that is nearest to a point counts for nothing, others do."""
    structure = Structure([6, 8], [[0.5, 0.5, 0.5], [2.0, 2.0, 2.0]], np.eye(3) * 4, True)
    points = np.array([[0.6, 0.5, 0.5], [3.9, 0.5, 0.5], [2.1, 2.0, 2.0], [1.2, 1.2, 1.2], [2.4, 0.5, 0.5]])
    found = close_points(points + np.array(move) * 4.0, structure, np.array([[2.2, 0.7]]), (0,))
    assert found.tolist() == [[False, False, True, False, True]]


@pytest.mark.parametrize("points", [0, 1])
def test_few_points(points: int) -> None:
    """No point and one point are lists too."""
    structure = Structure([6], [[0.0, 0.0, 0.0]])
    found = close_points(np.zeros((points, 3)), structure, np.ones((2, 1)))
    assert found.tolist() == [[True] * points] * 2


def test_the_limit_itself_is_not_close() -> None:
    """A point at the distance is where training came."""
    structure = Structure([6], [[0.0, 0.0, 0.0]])
    points = np.array([[1.0, 0.0, 0.0], [np.nextafter(1.0, 0.0), 0.0, 0.0]])
    assert close_points(points, structure, np.ones((1, 1))).tolist() == [[False, True]]


def test_points_far_apart() -> None:
    """Boxes stay few however far points are from each other and from the cell."""
    structure = Structure([6], [[0.0, 0.0, 0.0]], np.eye(3) * 2, True)
    points = np.array([[1e7, 0.0, 0.0], [0.0, -1e7, 1.0], [0.0, 0.0, 1e7 + 0.5]])
    assert close_points(points, structure, np.full((1, 1), 0.6)).tolist() == [[True, False, True]]
    molecule = Structure([6], [[0.0, 0.0, 0.0]])
    assert not close_points(points, molecule, np.ones((1, 1))).any()


def test_memory_is_that_of_the_answer(rng: np.random.Generator) -> None:
    """Ten thousand atoms and a million points never meet in one array."""
    structure = Structure(np.full(10_000, 6), rng.uniform(0, 46, (10_000, 3)), np.eye(3) * 46, True)
    grid = Grid([0.0, 0.0, 0.0], np.eye(3) * 0.46, (100, 100, 100))
    tracemalloc.start()
    found = close_points(grid, structure, np.full((1, 10_000), 1.0))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.3 < found.mean() < 0.4  # 1 - exp(-4/3 π · 10,000 / 46³) = 0.35
    assert peak_bytes < 64e6
