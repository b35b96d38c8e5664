"""`atomlens.server.probes.field`: against all images in a double loop."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pytest

from atomlens.server.errors import InputError
from atomlens.server.probes.field import Field
from atomlens.server.structures import Floats, Structures

Crystal = Callable[..., Structures]
CUTOFF = 4.97  # at which no two points of these lattices are
NONE = np.zeros(0, np.int64)
CELL = np.array([[5.0, 0.0, 0.0], [1.5, 4.0, 0.0], [-1.0, 0.8, 4.5]])
SKEWED = np.array([[1.0, 0.0, 0.0], [3.0, 1.0, 0.0], [-2.0, 1.0, 1.0]]) @ CELL
SYSTEMS: dict[str, tuple[Floats, tuple[bool, ...]]] = {
    "molecule": (np.zeros((3, 3)), (False, False, False)),
    "crystal": (CELL, (True, True, True)),
    "large crystal": (CELL * 4.0, (True, True, True)),
    "small crystal": (CELL * 0.4, (True, True, True)),
    "skewed crystal": (SKEWED, (True, True, True)),
    "slab": (CELL * [[1.0], [1.0], [0.0]], (True, True, False)),
    "slab in a tall cell": (CELL * [[1.0], [9.0], [1.0]], (True, False, True)),
    "wire": (CELL, (False, True, False)),
}


def system(name: str, crystal: Crystal, rng: np.random.Generator) -> Structures:
    """Return a structure some of whose atoms lie outside the cell."""
    cell, pbc = SYSTEMS[name]
    return crystal([1, 6, 7, 8], rng.uniform(-6, 11, (4, 3)), cell, pbc)


def copies(structure: Structures, point: Floats) -> list[tuple[int, float, tuple[int, ...]]]:
    """Return (atom, distance, lattice vectors) of every image that a point feels, nearest first."""
    cell, pbc = structure.cells[0], structure.pbc[0]
    heights = 1.0 / np.linalg.norm(np.linalg.inv(structure.complete_cells[0]), axis=0)
    extent = np.linalg.norm(structure.positions - point, axis=1).max() + CUTOFF
    most = np.where(pbc, np.ceil(extent / heights), 0).astype(int)
    moves = np.array(list(product(*(range(-reach, reach + 1) for reach in most))))
    found = []
    for atom, position in enumerate(structure.positions):
        distances = np.linalg.norm(position + moves @ cell - point, axis=1)
        found += [
            (atom, float(distances[near]), tuple(moves[near])) for near in np.flatnonzero(distances < CUTOFF)
        ]
    return sorted(found, key=lambda one: one[1])


def felt(field: Field, point: Floats) -> list[tuple[int, float]]:
    """Return (atom, distance) of every atom of the field that a point feels, nearest first."""
    (home,) = field.home(point[None])
    distances = np.linalg.norm(field.positions - home, axis=1)
    order = np.argsort(distances)
    near = order[distances[order] < CUTOFF]
    return list(zip(field.atoms[near].tolist(), distances[near].tolist(), strict=True))


def assert_same(found: Sequence[tuple[int, float]], expected: Sequence[tuple[int, float]]) -> None:
    """Fail where other atoms are felt, or from elsewhere."""
    assert [round(distance, 6) for _, distance in found] == [round(distance, 6) for _, distance in expected]
    assert sorted(atom for atom, _ in found) == sorted(atom for atom, _ in expected)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_point_feels_the_atoms_within_the_cutoff(
    name: str, crystal: Crystal, rng: np.random.Generator
) -> None:
    """All images of them and no others, wherever the point is."""
    structure = system(name, crystal, rng)
    field = Field.of(structure, CUTOFF, NONE)
    total = 0
    for point in rng.uniform(-12, 17, (60, 3)):
        expected = [(atom, distance) for atom, distance, _ in copies(structure, point)]
        assert_same(felt(field, point), expected)
        total += len(expected)
    assert total > 0
    assert np.array_equal(field.numbers, structure.numbers[field.atoms])


@pytest.mark.parametrize("name", [name for name in SYSTEMS if name != "molecule"])
def test_faces_edges_and_corners_of_the_cell_are_like_any_point(name: str, crystal: Crystal) -> None:
    """Rounding at a face neither loses nor doubles an image, for atoms and for points."""
    cell, pbc = SYSTEMS[name]
    scaled = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.5], [-1e-17, 0.5, 1.0], [0.5, 1 - 1e-16, 3.0]])
    complete = crystal([1], [[0, 0, 0]], cell, pbc).complete_cells[0]
    structure = crystal([1, 6, 7, 8], scaled @ complete, cell, pbc)
    field = Field.of(structure, CUTOFF, NONE)
    for corner in product((0.0, -1e-16, 1.0, 2.0 - 1e-15, 0.5), repeat=3):
        point = np.array(corner) @ complete
        assert_same(felt(field, point), [(atom, distance) for atom, distance, _ in copies(structure, point)])


@pytest.mark.parametrize("name", SYSTEMS)
def test_points_are_moved_home_by_whole_lattice_vectors(
    name: str, crystal: Crystal, rng: np.random.Generator
) -> None:
    """Into the cell along what repeats, and not at all along what does not."""
    structure = system(name, crystal, rng)
    field = Field.of(structure, CUTOFF, NONE)
    points = rng.uniform(-40, 40, (200, 3))
    home = field.home(points)
    inverse, pbc = np.linalg.inv(structure.complete_cells[0]), structure.pbc[0]
    steps, scaled = (points - home) @ inverse, home @ inverse
    assert np.abs(steps - np.rint(steps)).max() < 1e-9
    assert not np.rint(steps)[:, ~pbc].any()
    assert ((scaled >= -1e-9) & (scaled < 1 + 1e-9))[:, pbc].all()
    assert np.abs(field.home(home) - home).max() < 1e-9


def test_atoms_left_out_of_a_molecule_are_not_felt(crystal: Crystal, rng: np.random.Generator) -> None:
    """As if they were not there; twice left out is left out."""
    structure = system("molecule", crystal, rng)
    field = Field.of(structure, CUTOFF, np.array([3, 1, 3]))
    assert field.atoms.tolist() == [0, 2]
    assert np.array_equal(field.positions, structure.positions[[0, 2]])
    assert len(Field.of(structure, CUTOFF, np.arange(4)).atoms) == 0


@pytest.mark.parametrize("name", [name for name in SYSTEMS if name != "molecule"])
def test_of_atoms_left_out_of_a_crystal_the_copies_in_the_cell_around_the_first_are_not_felt(
    name: str, crystal: Crystal, rng: np.random.Generator
) -> None:
    """All their other images are; of the first it is the copy that is at most half a vector away."""
    structure = system(name, crystal, rng)
    field = Field.of(structure, CUTOFF, np.array([2, 0]))
    inverse, pbc = np.linalg.inv(structure.complete_cells[0]), structure.pbc[0]
    apart = structure.positions @ inverse - structure.positions[2] @ inverse + 0.5
    lost = 0
    for point in rng.uniform(-12, 17, (60, 3)):
        place = np.floor((point - structure.positions[2]) @ inverse + 0.5)
        own = {(atom, tuple(np.where(pbc, place - np.floor(apart[atom]), 0).astype(int))) for atom in (0, 2)}
        every = copies(structure, point)
        expected = [(atom, distance) for atom, distance, move in every if (atom, move) not in own]
        assert_same(felt(field, point), expected)
        lost += len(every) - len(expected)
    assert lost > 0


def test_around_an_atom_left_out_nothing_jumps(crystal: Crystal) -> None:
    """Also where it is on a corner of its cell, points on all sides of it feel the same others."""
    corner = crystal([11, 17], [[0.0, 0.0, 0.0], [2.5, 2.5, 2.5]], np.eye(3) * 5.0)
    field = Field.of(corner, CUTOFF, np.array([0]))
    around = np.array([[x, y, z] for x in (-0.1, 0.1) for y in (-0.1, 0.1) for z in (-0.1, 0.1)])
    nearest_others, images = 8, 3
    assert {len(felt(field, point)) for point in around} == {nearest_others + images}


@pytest.mark.parametrize(
    "cell",
    [np.eye(3) * 0.01, np.diag([1e-9, 100.0, 100.0]), np.array([[1, 0, 0], [40, 1, 0], [40, 40, 1.0]])],
    ids=["tiny", "thin", "skewed"],
)
def test_too_many_images_are_refused_before_they_are_made(cell: Floats, crystal: Crystal) -> None:
    """The error says how many there may be, and memory stays bounded."""
    structure = crystal([1], [[0.0, 0.0, 0.0]], cell)
    tracemalloc.start()
    with pytest.raises(InputError, match="at most 500000 images") as caught:
        Field.of(structure, CUTOFF, NONE)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (caught.value.reason, caught.value.field) == ("STRUCTURE_TOO_LARGE", "structures[0].cells")
    assert peak_bytes < 100e6
