"""Examples: the structures, and the points around them, at which graphs are compared with their network."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from atomlens.export.checkpoint import Checkpoint
from atomlens.server.structures import Floats, Structures

SEED = 0
RANDOM_MOLECULES = 16
GAP_ANGSTROM = 2.0  # Å between the images of a molecule in a cell
UNMET_ANGSTROM = 2.0  # how close elements may come that never met in training
BONDED, NEAR = 4, 2  # points around a structure: as far from an atom as its bonds are long, and nearer
COMPRESSIONS = (0.95, 0.9)  # of lengths
CELLS = 3  # that a point may lie away from where it was drawn


def verification_batches(checkpoint: Checkpoint) -> dict[str, Structures]:
    """Return the batches to verify by the name of the case, the same for the same checkpoint."""
    rng = np.random.default_rng(SEED)
    elements = checkpoint.model["network"]["elements"]
    cutoff = checkpoint.model["network"]["cutoff_angstrom"]
    largest = _largest(checkpoint.measured["largest"])
    atoms = [_molecule([number], np.zeros((1, 3))) for number in elements]
    molecules = [_random_molecule(rng, checkpoint) for _ in range(RANDOM_MOLECULES)]
    line = np.arange(len(elements))[:, None] * np.array([1.01 * cutoff, 0.0, 0.0])
    apart = _molecule(elements, line)
    batches = {
        "one atom": atoms[:1],
        "single atoms": atoms,
        "no pairs": [*atoms, apart],
        "isolated atoms": [_with_far_atom(molecule, elements[0], cutoff) for molecule in molecules[:2]],
        "random molecules": molecules,
        "largest training structure": [largest],
        "distorted structures": [_distorted(rng, largest) for _ in range(4)],
        "compressed structures": [_scaled(largest, factor) for factor in COMPRESSIONS],
        "periodic": [_in_a_cell(molecule) for molecule in molecules[:4]],
        "mixed batch": [*atoms, largest, apart, *molecules[4:8], _in_a_cell(molecules[8])],
    }
    return {name: Structures.concatenate(parts) for name, parts in batches.items()}


def probe_points(checkpoint: Checkpoint, structures: Structures) -> dict[int, Floats]:
    """Return points around the first and the last of some structures, by its row: (points, 3) Å.

    Some are as far from an atom as its bonds are long, some nearer, one is on a nucleus and one beyond the
    cutoff of all. Where a structure repeats, they lie in any cell, but for the one on a nucleus.
    """
    rng = np.random.default_rng(SEED)
    rows = dict.fromkeys([0, len(structures) - 1])
    return {row: _points_around(rng, structures.take([row]), checkpoint) for row in rows}


def _points_around(rng: np.random.Generator, one: Structures, checkpoint: Checkpoint) -> Floats:
    network, closest = checkpoint.model["network"], _closest(checkpoint)
    atoms = rng.integers(len(one.numbers), size=BONDED + NEAR)
    bonds = [_reach(closest, rng.choice(network["elements"]), one.numbers[atom]) for atom in atoms[:BONDED]]
    distances = np.concatenate([bonds * rng.uniform(1.0, 1.5, BONDED), rng.uniform(0.05, 0.5, NEAR)])
    directions = rng.normal(size=(len(atoms), 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    far = one.positions.max(axis=0) + network["cutoff_angstrom"]
    points = np.vstack([one.positions[atoms] + distances[:, None] * directions, far])
    points += (rng.integers(-CELLS, CELLS + 1, points.shape) * one.pbc[0]) @ one.cells[0]
    return np.vstack([points, one.positions[rng.integers(len(one.numbers))]])


def _largest(plain: Mapping[str, list[float]]) -> Structures:
    one = _molecule(plain["numbers"], plain["positions"])
    return _placed(one, np.array(plain["cell"]), np.array(plain["pbc"]))


def _molecule(numbers: object, positions: object) -> Structures:
    kinds = np.asarray(numbers, np.int64)
    return Structures.molecules([len(kinds)], kinds, np.asarray(positions, np.float64))


def _placed(one: Structures, cell: Floats, pbc: np.ndarray) -> Structures:
    return Structures(
        one.counts,
        one.numbers,
        one.positions,
        cell[None].astype(float),
        pbc[None].astype(bool),
        one.charges,
        one.spins,
    )


def _with_far_atom(one: Structures, number: int, cutoff: float) -> Structures:
    """Return the molecule and one more atom that none of its atoms feels."""
    far = one.positions.max(axis=0) + cutoff
    return _molecule([*one.numbers, number], [*one.positions, far])


def _distorted(rng: np.random.Generator, one: Structures) -> Structures:
    moved = one.positions + rng.normal(0.0, 0.05, one.positions.shape)
    return _placed(_molecule(one.numbers, moved), one.cells[0], one.pbc[0])


def _scaled(one: Structures, factor: float) -> Structures:
    """Return the structure with all lengths multiplied: more neighbors, nearer than in training."""
    return _placed(_molecule(one.numbers, factor * one.positions), factor * one.cells[0], one.pbc[0])


def _in_a_cell(one: Structures) -> Structures:
    """Return the molecule in a skewed cell so tight that atoms feel images, their own among them."""
    extent = np.ptp(one.positions, axis=0) + GAP_ANGSTROM
    cell = np.diag(extent)
    cell[1, 0], cell[2, 1] = 0.1 * extent[0], -0.1 * extent[1]
    return _placed(one, cell, np.ones(3))


def _random_molecule(rng: np.random.Generator, checkpoint: Checkpoint) -> Structures:
    """Return atoms that were put on one by one, none closer than its pair came in training."""
    closest = _closest(checkpoint)
    numbers = rng.choice(checkpoint.model["network"]["elements"], int(rng.integers(2, 24)))
    positions = np.zeros((1, 3))
    for index in range(1, len(numbers)):
        kept = np.array([_reach(closest, numbers[index], other) for other in numbers[:index]])
        positions = np.vstack([positions, _free_place(rng, positions, kept)])
    return _molecule(numbers, positions)


def _closest(checkpoint: Checkpoint) -> dict[tuple[int, ...], float]:
    """Return how close each pair of elements came in training, in Å."""
    return {tuple(pair["numbers"]): pair["distance"] for pair in checkpoint.measured["closest"]}


def _reach(closest: Mapping[tuple[int, ...], float], one: int, other: int) -> float:
    return closest.get((min(one, other), max(one, other)), UNMET_ANGSTROM)


def _free_place(rng: np.random.Generator, positions: Floats, kept: Floats) -> Floats:
    """Return a place near one of the atoms that keeps the distance from all of them."""
    while True:
        near = rng.integers(len(positions))
        direction = rng.normal(size=3)
        place: Floats = positions[near] + direction / np.linalg.norm(direction) * kept[near] * rng.uniform(
            1.0, 1.5
        )
        if (np.linalg.norm(positions - place, axis=1) >= kept).all():
            return place
