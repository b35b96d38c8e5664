"""Synthetic: molecules made up for a load, of the elements that a model knows; the same for the same seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from atomlens.client.elements import NUMBERS
from atomlens.client.structure import Floats, Structure

COMMON = ("H", "C", "N", "O")
MEAN_ATOMS, DEVIATION_ATOMS, FEWEST_ATOMS, MOST_ATOMS = 18.0, 3.0, 9, 29  # as in QM9
HYDROGENS = 0.51  # of the atoms, where a model knows hydrogen
BOND_ANGSTROM, HYDROGEN_BOND_ANGSTROM, STRANGE_BOND_ANGSTROM = 1.48, 1.1, 2.6
APART = 1.15  # bonds that an atom keeps away from all others
TRIES = 30


def synthetic(elements: Sequence[str], count: int, seed: int = 0) -> list[Structure]:
    """Return molecules of 9 to 29 atoms, 18 on average: plausible distances, no chemistry.

    Args:
        elements: symbols to choose from; where there are any of H, C, N and O, those alone are used.
        count: how many molecules.
        seed: of the random numbers.
    """
    rng = np.random.default_rng(seed)
    known = [symbol for symbol in COMMON if symbol in elements] or list(elements)
    sizes = np.clip(np.rint(rng.normal(MEAN_ATOMS, DEVIATION_ATOMS, count)), FEWEST_ATOMS, MOST_ATOMS)
    return [_molecule(rng, known, int(size), f"synthetic@{k}") for k, size in enumerate(sizes)]


def _molecule(rng: np.random.Generator, known: Sequence[str], size: int, name: str) -> Structure:
    numbers = _numbers(rng, known, size)
    bond = BOND_ANGSTROM if set(known) <= set(COMMON) else STRANGE_BOND_ANGSTROM
    positions = np.zeros((size, 3))
    heavy = max(int((numbers != 1).sum()), 1)
    for k in range(1, size):
        length = HYDROGEN_BOND_ANGSTROM if numbers[k] == 1 else bond
        positions[k] = _beside(rng, positions[:k], min(k, heavy), length)
    return Structure(numbers, positions, id=name)


def _numbers(rng: np.random.Generator, known: Sequence[str], size: int) -> npt.NDArray[np.int64]:
    """Return atomic numbers, hydrogen last."""
    heavy = [NUMBERS[symbol] for symbol in known if symbol != "H"] or [1]
    hydrogens = round(HYDROGENS * size) if "H" in known else 0
    return np.concatenate([rng.choice(heavy, size - hydrogens), np.ones(hydrogens, np.int64)])


def _beside(rng: np.random.Generator, placed: Floats, heavy: int, length: float) -> Floats:
    """Return a place one bond from a heavy atom, as far from all others as some tries find it."""
    directions = rng.normal(size=(TRIES, 3))
    steps = length * directions / np.linalg.norm(directions, axis=1)[:, None]  # (tries, 3)
    places = placed[rng.integers(heavy, size=TRIES)] + steps
    gaps = np.linalg.norm(places[:, None] - placed, axis=2)  # (tries, placed)
    crowding = (gaps < APART * length).sum(1)  # the atom it is bound to counts always
    chosen: Floats = places[np.lexsort([-gaps.min(1), crowding])[0]]
    return chosen
