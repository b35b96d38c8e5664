"""What must hold of probes, whatever the weights, and what trained models show: asked of the engine.

Molecules and crystals are made of elements that each model knows: the numbers 1, 2 and 3 stand for the first,
second and third of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell
from ase.build import molecule as g2_molecule

from atomlens.server.engine import Engine
from atomlens.server.model import Model
from atomlens.server.probes.places import Grid, PointList
from atomlens.server.probes.probe import Probe
from atomlens.server.probes.tile_values import probe_values
from atomlens.server.repository import BUNDLED, Repository
from atomlens.server.structures import Floats, Structures

if TYPE_CHECKING:
    from atomlens.export.checkpoint import Checkpoint

TOYS = (
    *("toy-schnet-energy", "toy-schnet-dipole", "toy-schnet-extent", "toy-schnet-formation"),
    *("toy-bpnn-energy", "toy-bpnn-dipole", "toy-bpnn-formation"),
)
SHALLOW = "toy-schnet-shallow"  # of one block
SHIPPED = tuple(sorted({path.parts[-3] for path in BUNDLED.glob("*/*/probe.onnx")}))
NAMES = (*TOYS, SHALLOW, *SHIPPED)
ORGANIC = tuple(name for name in NAMES if "formation" not in name)

# Graphs compute in float32. Positions are rounded by up to 5e-7 Å, and where a model is far from its training
# values change by 10 eV/Å even 1.2 Å from an atom.
FLOAT32 = 1e-5  # of 1 eV, e or electron, or of the value where it is larger; 4e-6 was measured
NEAREST_ANGSTROM = 1.2  # to an atom, of places where values are compared
FELT = 100 * FLOAT32  # what is felt changes more


def molecule() -> Atoms:
    """Return ethanol."""
    atoms = g2_molecule("CH3CH2OH")  # type: ignore[no-untyped-call]
    return Atoms([{1: 1, 6: 2, 8: 3}[number] for number in atoms.numbers], atoms.positions)


def skewed() -> Atoms:
    """Return four atoms in a skewed cell that is smaller than the cutoff, two of them out of it."""
    cell = np.array([[4.1, 0.0, 0.0], [1.6, 4.0, 0.0], [-1.3, 0.9, 4.4]])
    places = [[0.02, 0.05, 0.1], [0.5, 1.45, 0.48], [0.07, 0.52, -0.45], [0.55, 0.95, 0.02]]
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


PERIODIC: dict[str, Atoms] = {
    "skewed": skewed(),
    "rocksalt": bulk("HHe", "rocksalt", a=5.64),
    "one atom": Atoms("H", cell=[[2.6, 0.0, 0.0], [0.9, 2.7, 0.0], [0.0, -0.8, 2.8]], pbc=True),
    "slab": slab(),
    "wire": wire(),
}
SYSTEMS: dict[str, Atoms] = {"molecule": molecule(), **PERIODIC}


@dataclass(frozen=True)
class Probing:
    """One model, asked what probes are worth."""

    model: Model

    @property
    def elements(self) -> list[int]:
        """Atomic numbers of four probes, one of an element that no structure has."""
        return list(self.model.card.elements[:4])

    def structure(self, atoms: Atoms) -> Structures:
        """Return a structure of elements that the model knows."""
        one = Structures.molecules([len(atoms)], np.array(self.elements)[atoms.numbers - 1], atoms.positions)
        return replace(one, cells=atoms.cell.array[None], pbc=atoms.pbc[None])

    def __call__(
        self,
        atoms: Atoms,
        points: Floats,
        elements: list[int] | None = None,
        left_out: list[int] | None = None,
    ) -> Floats:
        """Return Ω of the model's only head: (elements, points)."""
        kinds = np.array(self.elements if elements is None else elements)
        felt = np.array(left_out or [], np.int64)
        probe = Probe.of(self.model, self.structure(atoms), kinds, PointList(points), left_out=felt)
        return probe_values(probe).astype(np.float64)

    def contributions(self, atoms: Atoms) -> Floats:
        """Return what the network says of each atom: (atoms,)."""
        (values,) = self.model.run(self.model.prepare(self.structure(atoms))).values()
        return values

    def alone(self, elements: list[int] | None = None) -> Floats:
        """Return what the network says of isolated atoms: (elements,)."""
        numbers = self.elements if elements is None else elements
        atoms = Structures.molecules([1] * len(numbers), numbers, np.zeros((len(numbers), 3)))
        (values,) = self.model.run(self.model.prepare(atoms)).values()
        return values


@pytest.fixture(scope="module")
def probings(
    repository: Repository,
    toy_checkpoints: dict[str, Checkpoint],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Probing]:
    """All models by name: the toys, one of them without its last block, and the bundled ones."""
    from atomlens.export.bundle import export_bundle
    from atomlens.export.card import Description

    deep = toy_checkpoints["toy-schnet-energy"]
    kept = {name: tensor for name, tensor in deep.weights.items() if ".blocks.1." not in name}
    settings = {**deep.model, "network": {**deep.model["network"], "blocks": 1}}
    path = tmp_path_factory.mktemp("shallow")
    export_bundle(replace(deep, model=settings, weights=kept), path, Description(SHALLOW))
    repositories = [repository, Repository.open(path), *([Repository.open()] if SHIPPED else [])]
    return {model.name: Probing(model) for one in repositories for model in one.models}


@pytest.fixture(params=NAMES)
def probing(request: pytest.FixtureRequest, probings: dict[str, Probing]) -> Probing:
    """Every model in turn."""
    return probings[request.param]


@pytest.fixture(params=ORGANIC)
def organic(request: pytest.FixtureRequest, probings: dict[str, Probing]) -> Probing:
    """Every model of H, C, N and O in turn."""
    return probings[request.param]


@pytest.fixture(params=list(SYSTEMS))
def one(request: pytest.FixtureRequest) -> Atoms:
    """A molecule, crystals, a slab and a wire."""
    return SYSTEMS[request.param]


@pytest.fixture(params=list(PERIODIC))
def periodic(request: pytest.FixtureRequest) -> Atoms:
    """Crystals, a slab and a wire."""
    return PERIODIC[request.param]


def images(atoms: Atoms, reach: float) -> tuple[Floats, Floats]:
    """Return numbers and positions of all images closer to the first atom than ``reach``, itself first."""
    vectors = atoms.cell.array * atoms.pbc[:, None]
    heights = 1.0 / np.maximum(np.linalg.norm(np.linalg.pinv(vectors), axis=0), 1e-3)
    most = np.where(atoms.pbc, np.ceil(2 * reach / heights), 0).astype(int)
    steps = sorted(product(*(range(-n, n + 1) for n in most)), key=any)
    positions = (atoms.positions + (np.array(steps) @ vectors)[:, None]).reshape(-1, 3)
    near = np.linalg.norm(positions - atoms.positions[0], axis=1) < reach
    return np.tile(atoms.numbers, len(steps))[near], positions[near]


def places(atoms: Atoms, rng: np.random.Generator, count: int = 30) -> Floats:
    """Return places within 4 Å of an atom, none of them on top of any: (points, 3) Å."""
    extent = float(np.ptp(atoms.positions, axis=0).sum())
    _, felt = images(atoms, extent + 6.0)
    found: list[Floats] = []
    while len(found) < count:
        direction = rng.normal(size=3)
        near = atoms.positions[rng.integers(len(atoms))]
        point = near + rng.uniform(NEAREST_ANGSTROM, 4.0) * direction / np.linalg.norm(direction)
        if np.linalg.norm(felt - point, axis=1).min() > NEAREST_ANGSTROM:
            found.append(point)
    return np.array(found)


def difference(got: Floats, expected: Floats) -> float:
    """Return the largest difference, relative to values above 1."""
    return float((np.abs(got - expected) / np.maximum(np.abs(expected), 1.0)).max())


def rotation(rng: np.random.Generator) -> Floats:
    """Return a random proper rotation."""
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return np.asarray(turn * np.sign(np.linalg.det(turn)))


def test_in_the_place_of_an_atom_a_probe_is_worth_that_atom(probing: Probing, one: Atoms) -> None:
    """Ω of its element at its nucleus, with it alone left out, is what it contributes: at every depth."""
    contributions, elements = probing.contributions(one), probing.structure(one).numbers.tolist()
    for atom, number in enumerate(elements):
        value = probing(one, one.positions[[atom]], [number], [atom])
        assert value[0, 0] == pytest.approx(contributions[atom], rel=FLOAT32, abs=FLOAT32)
    assert np.abs(contributions - probing.alone(elements)).max() > FELT


def test_images_of_an_atom_left_out_are_felt(probing: Probing) -> None:
    """A crystal of one atom is no isolated atom, until its cell is as wide as the cutoff."""
    for width, felt in ((0.5, True), (0.7, True), (1.01, False)):
        atom = Atoms("H", cell=[width * probing.model.card.cutoff_angstrom, 60.0, 60.0], pbc=True)
        value = probing(atom, np.zeros((1, 3)), probing.elements[:1], [0])[0, 0]
        assert bool(abs(value - probing.alone()[0]) > FELT) is felt


def test_without_the_atom_in_the_structure_only_shallow_models_say_the_same(probing: Probing) -> None:
    """Atoms that never felt it are others in a SchNet of two blocks or more, and nowhere else."""
    context = probing.model.context(probing.model.prepare(probing.structure(molecule())))
    contributions = probing.contributions(molecule())
    differences = []
    for atom, number in enumerate(probing.structure(molecule()).numbers.tolist()):
        others = molecule()
        del others[atom]  # type: ignore[no-untyped-call]
        value = probing(others, molecule().positions[[atom]], [number])[0, 0]
        differences.append(abs(value - contributions[atom]))
    is_deep = context is not None and len(context) > 1
    assert (max(differences) > FELT) if is_deep else (max(differences) < FLOAT32)


def test_values_are_on_the_scale_of_what_is_learned(organic: Probing) -> None:
    """Of an energy without E⁰, of a charge before the neutrality shift, of the others as atoms contribute."""
    atoms = molecule()
    structure = organic.structure(atoms)
    engine = Engine(Repository([organic.model]))
    (head,) = engine.explain(structure, organic.model.name).heads
    learned = getattr(head.parts, "model", getattr(head.parts, "raw", head.contributions))
    for atom, number in enumerate(structure.numbers.tolist()):
        value = organic(atoms, atoms.positions[[atom]], [number], [atom])[0, 0]
        assert value == pytest.approx(learned[atom], rel=FLOAT32, abs=FLOAT32)
    if "extent" not in organic.model.name:
        assert np.abs(learned - head.contributions).max() > FELT


def test_means_are_not_divided_by_the_number_of_atoms(probings: dict[str, Probing]) -> None:
    """A probe is worth what an atom contributes, of which the property is the mean."""
    probing, atoms = probings["toy-schnet-formation"], skewed()
    elements = probing.structure(atoms).numbers.tolist()
    values = [probing(atoms, atoms.positions[[k]], [elements[k]], [k])[0, 0] for k in range(len(atoms))]
    engine = Engine(Repository([probing.model]))
    (head,) = engine.explain(probing.structure(atoms), probing.model.name).heads
    assert np.mean(values) == pytest.approx(head.properties[0], rel=FLOAT32, abs=FLOAT32)


@pytest.mark.parametrize("one", [molecule(), slab(), wire()], ids=["molecule", "slab", "wire"])
def test_far_from_everything_a_probe_is_an_isolated_atom(probing: Probing, one: Atoms) -> None:
    """From the cutoff on, across whatever does not repeat."""
    across = np.linalg.svd(one.cell.array[one.pbc], full_matrices=True)[2][one.pbc.sum() :]
    outermost = np.abs(one.positions @ across[-1]).max()
    for gap in (0.01, 3.0, 1e4):
        point = across[-1] * (outermost + probing.model.card.cutoff_angstrom + gap)
        assert difference(probing(one, point[None])[:, 0], probing.alone()) < FLOAT32


def test_on_nuclei_values_are_finite(probing: Probing, one: Atoms) -> None:
    """Of every element, on the nucleus of every atom that is felt."""
    assert np.isfinite(probing(one, one.positions)).all()


@pytest.mark.parametrize("mirrored", [False, True], ids=["rotation", "reflection"])
def test_orientation_does_not_matter(
    probing: Probing, one: Atoms, rng: np.random.Generator, mirrored: bool
) -> None:
    """Atoms, cell and points may be turned and mirrored together."""
    points = places(one, rng)
    turn = rotation(rng) * (-1.0 if mirrored else 1.0)
    turned = Atoms(one.numbers, one.positions @ turn, cell=one.cell.array @ turn, pbc=one.pbc)
    assert difference(probing(turned, points @ turn), probing(one, points)) < FLOAT32


@pytest.mark.parametrize("far", [0.3, 20.0, 1e4])
def test_where_the_origin_lies_does_not_matter(
    probing: Probing, one: Atoms, rng: np.random.Generator, far: float
) -> None:
    """Atoms and points may be moved together, while the cell stays."""
    points, move = places(one, rng), far * rng.normal(size=3)
    moved = Atoms(one.numbers, one.positions + move, cell=one.cell, pbc=one.pbc)
    assert difference(probing(moved, points + move), probing(one, points)) < FLOAT32


def test_order_of_atoms_does_not_matter(probing: Probing, one: Atoms, rng: np.random.Generator) -> None:
    """What is felt of them is a sum."""
    points = places(one, rng)
    assert difference(probing(one[rng.permutation(len(one))], points), probing(one, points)) < FLOAT32


def test_elements_and_points_do_not_know_of_each_other(
    probing: Probing, one: Atoms, rng: np.random.Generator
) -> None:
    """Values are the same in another order, or without some of them."""
    points, elements = places(one, rng), probing.elements
    values = probing(one, points)
    rows, columns = rng.permutation(len(elements)), rng.permutation(len(points))
    for kinds, chosen in ((rows, columns), (rows[:1], columns), (rows, columns[:1]), (rows[:2], columns[:7])):
        some = probing(one, points[chosen], [elements[kind] for kind in kinds])
        assert difference(some, values[np.ix_(kinds, chosen)]) < FLOAT32


def test_what_is_beyond_the_cutoff_is_not_felt(probing: Probing, rng: np.random.Generator) -> None:
    """Around one of two molecules that do not feel each other values are those around it alone."""
    alone = molecule()
    points = places(alone, rng)
    reach = max(np.ptp(alone.positions[:, 0]), np.abs(points - alone.positions.mean(0)).max() * 2)
    for gap in (0.01, 500.0):
        other = alone.positions + np.array([reach + probing.model.card.cutoff_angstrom + gap, 0.0, 0.0])
        both = Atoms([*alone.numbers, *alone.numbers], [*alone.positions, *other])
        assert difference(probing(both, points), probing(alone, points)) < FLOAT32


def test_values_repeat_with_the_lattice(probing: Probing, periodic: Atoms, rng: np.random.Generator) -> None:
    """At points in other cells, and with atoms given in other cells."""
    points = places(periodic, rng)
    values = probing(periodic, points)
    moves = rng.integers(-9, 10, points.shape) * periodic.pbc
    assert difference(probing(periodic, points + moves @ periodic.cell.array), values) < FLOAT32
    moves = rng.integers(-9, 10, periodic.positions.shape) * periodic.pbc
    elsewhere = periodic.copy()  # type: ignore[no-untyped-call]
    elsewhere.positions += moves @ periodic.cell.array
    assert difference(probing(elsewhere, points), values) < FLOAT32


@pytest.mark.parametrize(
    "matrix",
    [
        ((2, 0, 0), (0, 2, 0), (0, 0, 2)),
        ((1, 1, 0), (-1, 2, 0), (0, 1, 3)),
        ((1, 0, 0), (2, 1, 0), (-3, 1, 1)),
    ],
    ids=["2x2x2", "odd", "sheared"],
)
def test_a_supercell_has_the_map_of_its_cell(
    probing: Probing, periodic: Atoms, rng: np.random.Generator, matrix: tuple[tuple[int, ...], ...]
) -> None:
    """However many cells are written down, and along whichever vectors of the lattice."""
    repeats = np.where(np.outer(periodic.pbc, periodic.pbc), matrix, np.eye(3, dtype=int))
    points = places(periodic, rng)
    more = make_supercell(periodic, repeats)  # type: ignore[no-untyped-call]
    assert difference(probing(more, points), probing(periodic, points)) < FLOAT32


def test_a_crystal_is_a_large_enough_piece_of_it(
    probing: Probing, periodic: Atoms, rng: np.random.Generator
) -> None:
    """A molecule of all images that are felt, and of those that they feel in turn, has its values inside."""
    point = places(periodic, rng, 1)
    context = probing.model.context(probing.model.prepare(probing.structure(periodic)))
    depth = 1 if context is None else len(context)
    numbers, positions = images(periodic, probing.model.card.cutoff_angstrom * depth + 4.0)
    piece = Atoms(numbers, positions)
    assert len(piece) > 3 * len(periodic)
    assert difference(probing(piece, point), probing(periodic, point)) < FLOAT32


def benzene() -> Structures:
    """Return benzene with exact symmetry, the ring in the plane z = 0."""
    angles = np.arange(6) * np.pi / 3
    ring = np.stack([np.cos(angles), np.sin(angles), 0 * angles], 1)
    return Structures.molecules([12], [6] * 6 + [1] * 6, np.concatenate([1.395 * ring, 2.482 * ring]))


@dataclass(frozen=True)
class BenzeneMaps:
    """Maps of H, C, N and O around benzene, on a grid that six-fold rotations and mirrors leave as it is."""

    values: Floats  # (4, points along a, points along b, points along z)
    distances: Floats  # (points along a, b, z) Å, to the nearest atom
    alone: Floats  # (4,) of isolated atoms

    @classmethod
    def of(cls, probing: Probing, half: int = 20, layers: int = 12, step: float = 0.41) -> BenzeneMaps:
        """Return the maps on hexagons of the plane, in layers above it and below."""
        axes = step * np.array([[1.0, 0.0, 0.0], [0.5, np.sqrt(0.75), 0.0], [0.0, 0.0, 1.0]])
        counts = np.array([2 * half + 1, 2 * half + 1, 2 * layers + 1])
        grid = Grid(-np.array([half, half, layers]) @ axes, axes, counts)
        probe = Probe.of(probing.model, benzene(), np.array([1, 6, 7, 8]), grid)
        points = grid.points(0, len(grid))
        distances = np.linalg.norm(points[:, None] - benzene().positions, axis=2).min(1)
        return cls(
            probe_values(probe).astype(float).reshape(4, *counts),
            distances.reshape(counts),
            probing.alone([1, 6, 7, 8]),
        )

    def shell(self, low: float, high: float) -> Floats:
        """Return what is felt at such distances from the nearest atom: (4, points)."""
        chosen = (self.distances >= low) & (self.distances < high)
        return np.asarray(self.values[:, chosen] - self.alone[:, None])


@pytest.fixture(scope="module")
def benzene_maps(probings: dict[str, Probing]) -> Callable[[str], BenzeneMaps]:
    """The maps of a model by its name, computed once."""
    known: dict[str, BenzeneMaps] = {}

    def maps(name: str) -> BenzeneMaps:
        if name not in known:
            known[name] = BenzeneMaps.of(probings[name])
        return known[name]

    return maps


def symmetries(values: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Yield maps and the same maps turned or mirrored, where both are: by each of three that make up D6h."""
    half = values.shape[1] // 2
    a, b = np.indices(values.shape[1:3]) - half
    inside = np.abs(a + b) <= half
    yield values, values[..., ::-1]
    yield values, values.swapaxes(1, 2)
    yield values[:, inside], values[:, (half - b)[inside], (half + a + b)[inside]]


@pytest.mark.parametrize("name", ORGANIC)
def test_maps_of_benzene_have_its_symmetry(name: str, benzene_maps: Callable[[str], BenzeneMaps]) -> None:
    """Mirrored in the plane of the ring and across it, and turned by sixty degrees."""
    maps = benzene_maps(name)
    trusted = np.where(maps.distances > NEAREST_ANGSTROM, maps.values, 0.0)
    for before, after in symmetries(trusted):
        assert before.size > 0.5 * trusted.size
        assert difference(before, after) < FLOAT32
    assert np.ptp(trusted.reshape(4, -1), axis=1).min() > FELT


@pytest.mark.parametrize("name", [name for name in SHIPPED if name in ORGANIC])
def test_maps_of_benzene_differ_between_elements(
    name: str, benzene_maps: Callable[[str], BenzeneMaps]
) -> None:
    """Also in their shape: by more than a tenth of what they vary where bonds would be."""
    shapes = benzene_maps(name).shell(1.5, 2.5)
    for first, second in zip(*np.triu_indices(4, 1), strict=True):
        assert (shapes[first] - shapes[second]).std() > 0.1 * shapes.std(axis=1)[[first, second]].max()


@pytest.mark.parametrize("name", [name for name in SHIPPED if name in ORGANIC])
def test_maps_of_benzene_fade_outwards(name: str, benzene_maps: Callable[[str], BenzeneMaps]) -> None:
    """Towards the cutoff little is left of what is felt where bonds would be, and beyond it nothing."""
    maps = benzene_maps(name)
    near, far, beyond = (
        np.sqrt((maps.shell(low, high) ** 2).mean(axis=1)) for low, high in ((1, 2), (4.5, 5), (5, 99))
    )
    assert (far < 0.1 * near).all()
    assert (beyond < FLOAT32).all()
