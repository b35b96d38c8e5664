"""What must hold of crystals, slabs and wires, whatever the weights: asked of the engine with toy models."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell

from atomlens.server.engine import Engine
from atomlens.server.heads import HeadResult
from atomlens.server.neighbors import find_pairs
from atomlens.server.structures import Floats, Structures

NAMES = ("toy-schnet-energy", "toy-schnet-formation", "toy-bpnn-energy", "toy-bpnn-formation")
# Graphs compute in float32, where contributions of 16 eV end at 1e-6 eV, and add up 100 neighbors in an order
# that depends on how a cell is cut: less than 1e-6 eV was measured.
FLOAT32 = 4e-6  # eV, per atom
FLOAT64 = 1e-9  # eV: sums are taken in float64
Matrix = tuple[tuple[int, int, int], ...]
UNIT: Matrix = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def triclinic() -> Atoms:
    """Return four atoms in a skewed cell that is smaller than the cutoff."""
    cell = np.array([[4.1, 0.0, 0.0], [1.6, 4.0, 0.0], [-1.3, 0.9, 4.4]])
    places = [[0.02, 0.05, 0.1], [0.5, 0.45, 0.48], [0.07, 0.52, 0.55], [0.55, 0.95, 0.02]]
    return Atoms(numbers=[1, 2, 3, 1], scaled_positions=places, cell=cell, pbc=True)


def slab() -> Atoms:
    """Return two layers that repeat in their plane, in a cell that is higher than they are thick."""
    cell = np.array([[3.2, 0.0, 0.0], [1.6, 2.8, 0.0], [0.0, 0.0, 11.0]])
    places = [[0.1, 0.1, 1.0], [1.7, 0.9, 3.1], [0.2, 1.9, 4.6]]
    return Atoms(numbers=[1, 2, 3], positions=places, cell=cell, pbc=[True, True, False])


def wire() -> Atoms:
    """Return a zigzag chain along the third vector of its cell."""
    places = [[5.0, 5.0, 0.2], [5.9, 5.3, 1.6]]
    return Atoms(numbers=[1, 2], positions=places, cell=[10.0, 10.0, 2.9], pbc=[False, False, True])


# Numbers stand for the first, second and third element that a model knows.
CRYSTALS: dict[str, Atoms] = {
    "rocksalt": bulk("HHe", "rocksalt", a=5.64),
    "triclinic": triclinic(),
    "hcp": bulk("He", "hcp", a=3.21, c=5.21),
    "one atom": Atoms("H", cell=[2.1, 2.2, 2.3], pbc=True),
    "slab": slab(),
    "wire": wire(),
}


@dataclass(frozen=True)
class Asked:
    """One toy in the engine."""

    engine: Engine
    name: str

    @property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers that it knows."""
        return self.engine.repository.find(self.name).card.elements

    @property
    def cutoff(self) -> float:
        """In Å."""
        return self.engine.repository.find(self.name).card.cutoff_angstrom

    def __call__(self, *crystals: Atoms) -> HeadResult:
        """Ask for structures whose numbers stand for elements that it knows."""
        explanations = self.engine.explain(self.batch(*crystals), self.name)
        assert not explanations.failures
        return explanations.heads[0]

    def batch(self, *crystals: Atoms) -> Structures:
        """Return structures of elements that it knows."""
        numbers = np.concatenate([crystal.numbers for crystal in crystals])
        return Structures(
            np.array([len(crystal) for crystal in crystals]),
            np.array(self.elements)[numbers - 1],
            np.concatenate([crystal.positions for crystal in crystals]),
            np.array([crystal.cell.array for crystal in crystals]),
            np.array([crystal.pbc for crystal in crystals]),
            np.zeros(len(crystals)),
            np.zeros(len(crystals), np.int64),
        )

    @property
    def sums(self) -> bool:
        """Whether the property is the sum of contributions; otherwise it is their mean."""
        return self.name.endswith("energy")


@pytest.fixture(scope="module")
def engine(toy_repository: Path) -> Engine:
    """An engine with the toys."""
    return Engine.open(toy_repository)


@pytest.fixture(params=NAMES)
def ask(request: pytest.FixtureRequest, engine: Engine) -> Asked:
    """Each family with a sum and with a mean."""
    return Asked(engine, request.param)


@pytest.fixture(params=list(CRYSTALS.values()), ids=list(CRYSTALS))
def one(request: pytest.FixtureRequest) -> Atoms:
    """Each of the crystals."""
    crystal: Atoms = request.param
    return crystal


def along(crystal: Atoms, matrix: Matrix) -> np.ndarray:
    """Return a matrix of whole numbers without what concerns vectors that do not repeat."""
    repeats = np.outer(crystal.pbc, crystal.pbc)
    return np.where(repeats, matrix, np.where(np.eye(3, dtype=bool), 1, 0))


def rotation(rng: np.random.Generator) -> Floats:
    """Return a random proper rotation."""
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return np.asarray(turn * np.sign(np.linalg.det(turn)))


def images(crystal: Atoms, cutoff: float) -> list[Floats]:
    """Return all lattice vectors that could bring an atom of the cell within the cutoff of another."""
    cell = crystal.cell.array
    spread = np.ptp(crystal.get_scaled_positions(wrap=False), axis=0)  # type: ignore[no-untyped-call]
    heights = np.abs(np.linalg.det(cell)) / [
        np.linalg.norm(np.cross(cell[1], cell[2])),
        np.linalg.norm(np.cross(cell[2], cell[0])),
        np.linalg.norm(np.cross(cell[0], cell[1])),
    ]
    most = np.where(crystal.pbc, np.ceil(cutoff / heights + spread), 0).astype(int)
    return [np.array(n) @ cell for n in product(*(range(-k, k + 1) for k in most))]


@pytest.mark.parametrize(
    "matrix",
    [((2, 0, 0), (0, 2, 0), (0, 0, 2)), ((1, 1, 0), (-1, 2, 0), (0, 1, 3))],
    ids=["2x2x2", "odd"],
)
def test_a_supercell_says_what_its_cell_says(ask: Asked, one: Atoms, matrix: Matrix) -> None:
    """Contributions are those of the cell, means are equal, and sums grow with the number of cells."""
    repeats = along(one, matrix)
    cells = round(np.linalg.det(repeats))
    once, more = ask(one), ask(make_supercell(one, repeats))  # type: ignore[no-untyped-call]
    assert cells > 1
    assert np.abs(np.tile(once.contributions, cells) - more.contributions).max() < FLOAT32
    growth = cells if ask.sums else 1
    allowed = FLOAT32 * (cells * len(one) if ask.sums else 1)
    assert abs(growth * once.properties[0] - more.properties[0]) < allowed


def test_a_property_is_the_sum_or_mean_of_what_atoms_contribute(ask: Asked) -> None:
    """Over the atoms of a cell; an energy of formation is that of one atom, whatever the cell."""
    crystals = list(CRYSTALS.values())
    answer = ask(*crystals)
    parts = np.split(answer.contributions, np.cumsum([len(crystal) for crystal in crystals])[:-1])
    reduce = np.sum if ask.sums else np.mean
    assert np.abs(answer.properties - [reduce(part) for part in parts]).max() < FLOAT64


def test_orientation_does_not_matter(ask: Asked, one: Atoms, rng: np.random.Generator) -> None:
    """Atoms and cell may be turned and mirrored together."""
    before = ask(one)
    for mirror in (1.0, -1.0):
        turn = rotation(rng) * mirror
        turned = Atoms(one.numbers, one.positions @ turn, cell=one.cell.array @ turn, pbc=one.pbc)
        assert np.abs(before.contributions - ask(turned).contributions).max() < FLOAT32


def test_where_the_origin_lies_does_not_matter(ask: Asked, one: Atoms, rng: np.random.Generator) -> None:
    """All atoms may be moved together, by more than a cell too, while the cell stays."""
    before = ask(one)
    for far in (0.3, 20.0, 1e4):
        moved = Atoms(one.numbers, one.positions + far * rng.normal(size=3), cell=one.cell, pbc=one.pbc)
        assert np.abs(before.contributions - ask(moved).contributions).max() < FLOAT32


def test_which_image_of_an_atom_is_given_does_not_matter(
    ask: Asked, one: Atoms, rng: np.random.Generator
) -> None:
    """Each atom may be moved by lattice vectors of its own, out of the cell or into it."""
    before = ask(one)
    for _ in range(3):
        moves = rng.integers(-9, 10, (len(one), 3)) * one.pbc
        moved = Atoms(one.numbers, one.positions + moves @ one.cell.array, cell=one.cell, pbc=one.pbc)
        assert np.abs(before.contributions - ask(moved).contributions).max() < FLOAT32


@pytest.mark.parametrize(
    "matrix",
    [((1, 0, 0), (2, 1, 0), (-3, 1, 1)), ((1, -1, 2), (0, 1, 0), (0, 4, 1))],
    ids=["sheared", "sheared twice"],
)
def test_vectors_of_a_lattice_may_be_chosen(ask: Asked, one: Atoms, matrix: Matrix) -> None:
    """Other vectors that span the same lattice mean the same crystal."""
    cell = along(one, matrix) @ one.cell.array
    chosen = Atoms(one.numbers, one.positions, cell=cell, pbc=one.pbc)
    assert np.abs(ask(one).contributions - ask(chosen).contributions).max() < FLOAT32


def test_a_left_handed_cell_is_a_cell(ask: Asked, one: Atoms) -> None:
    """Its determinant is negative; the crystal is the same."""
    axis = int(np.argmax(one.pbc))
    cell = one.cell.array.copy()
    cell[axis] *= -1
    turned = Atoms(one.numbers, one.positions, cell=cell, pbc=one.pbc)
    assert np.linalg.det(cell) * np.linalg.det(one.cell.array) < 0
    assert np.abs(ask(one).contributions - ask(turned).contributions).max() < FLOAT32


@pytest.mark.parametrize("cutoff", [3.3, 5.0, 9.0])
def test_neighbors_are_those_of_a_double_loop_over_images(one: Atoms, cutoff: float, engine: Engine) -> None:
    """Each within the cutoff once, an atom's own images among them, several shells of them in small cells."""
    pairs = find_pairs(Asked(engine, NAMES[0]).batch(one), cutoff)
    vectors = one.positions[pairs.neighbors] + pairs.shifts - one.positions[pairs.centers]
    found = np.column_stack([pairs.centers, pairs.neighbors, np.round(vectors, 6)])
    expected = []
    for shift in images(one, cutoff):
        for i, j in product(range(len(one)), repeat=2):
            vector = one.positions[j] + shift - one.positions[i]
            if 0 < np.linalg.norm(vector) < cutoff:
                expected.append([i, j, *np.round(vector, 6)])
    rows = np.array(expected).reshape(-1, 5) + 0.0
    assert len(rows) >= 2
    assert np.array_equal(found[np.lexsort(found.T)] + 0.0, rows[np.lexsort(rows.T)])


def test_a_molecule_in_a_large_cell_is_a_molecule(ask: Asked) -> None:
    """Where images are beyond the cutoff, repeating changes nothing; where they are not, it does."""
    molecule = Atoms(numbers=[1, 2, 3], positions=[[0.0, 0.0, 0.0], [1.1, 0.0, 0.0], [-0.4, 1.2, 0.3]])
    alone = ask(molecule)
    for pbc in (True, [True, False, False], [False, True, True]):
        molecule.set_cell([9.0, 9.0, 500.0])  # type: ignore[no-untyped-call]
        molecule.set_pbc(pbc)  # type: ignore[no-untyped-call]
        assert np.abs(ask(molecule).contributions - alone.contributions).max() < FLOAT32
        molecule.set_cell([4.0, 4.0, 4.0])  # type: ignore[no-untyped-call]
        assert np.abs(ask(molecule).contributions - alone.contributions).max() > 100 * FLOAT32


def test_an_atom_feels_its_own_images(ask: Asked) -> None:
    """An atom alone in a cell is not an isolated atom, until the cell is as wide as the cutoff."""
    isolated = ask(Atoms("H")).contributions[0]
    for width, felt in ((0.5 * ask.cutoff, True), (0.7 * ask.cutoff, True), (1.01 * ask.cutoff, False)):
        answer = ask(Atoms("H", cell=[width, 60.0, 60.0], pbc=True)).contributions[0]
        assert bool(abs(answer - isolated) > 100 * FLOAT32) is felt


@pytest.mark.parametrize("name", ["toy-schnet-dipole", "toy-schnet-extent", "toy-bpnn-dipole"])
@pytest.mark.parametrize("periodic", ["triclinic", "slab", "wire"])
def test_moments_of_what_repeats_are_refused(engine: Engine, name: str, periodic: str) -> None:
    """A dipole or an extent depends on where the cell is cut; what else is in the batch is answered."""
    asked = Asked(engine, name)
    molecule = Atoms(numbers=[1, 2], positions=[[0.0, 0.0, 0.0], [0.0, 0.0, 1.1]], cell=[9, 9, 9])
    batch = asked.batch(molecule, CRYSTALS[periodic], molecule)
    explanations = engine.explain(batch, name)
    (error,) = explanations.failures.values()
    assert list(explanations.failures) == [1]
    assert (error.reason, error.field) == ("PERIODIC_MOMENT", "structures[1].pbc")
    assert f"of {name} has no meaning in a periodic structure" in error.message
    assert explanations.heads[0].properties.tolist() == asked(molecule, molecule).properties.tolist()


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        (np.zeros((3, 3)), "must span the directions"),
        (np.diag([4.0, 4.0, 0.0]), "must span the directions"),
        (np.array([[4.0, 0, 0], [0, 4.0, 0], [4.0, 4.0, 0]]), "must span the directions"),
        (np.array([[4.0, 0, 0], [0, np.nan, 0], [0, 0, 4.0]]), "must be finite"),
    ],
    ids=["none", "no third vector", "flat", "not a number"],
)
def test_a_cell_without_volume_is_refused(ask: Asked, cell: Floats, rule: str) -> None:
    """Alone, with what it was; crystals beside it are answered."""
    batch = ask.batch(CRYSTALS["hcp"], CRYSTALS["hcp"], CRYSTALS["hcp"])
    broken = replace(batch, cells=np.array([batch.cells[0], cell, batch.cells[2]]))
    explanations = ask.engine.explain(broken, ask.name)
    assert list(explanations.failures) == [1]
    assert rule in explanations.failures[1].message
    assert len(explanations.heads[0].properties) == 2


def test_a_needle_of_a_cell_is_answered(ask: Asked) -> None:
    """A vector of 0.3 Å makes the atom its own neighbor 32 times over; twice the vector says the same."""
    needle = Atoms("H", cell=[0.3, 8.0, 8.0], pbc=True)
    twice = needle.repeat((2, 1, 1))  # type: ignore[no-untyped-call]
    once, more = ask(needle), ask(twice)
    # So far from training contributions are large: 3 last bits of 17 eV, 6e-6 eV, were measured.
    np.testing.assert_allclose(more.contributions, [*once.contributions] * 2, rtol=1e-6, atol=FLOAT32)
