"""Variants: cases that follow from a case: moved, mirrored, in another order, one structure at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from atomlens.server.cases import Case
from atomlens.server.structures import Floats, Integers

SEED = 0
Variants = Mapping[str, Callable[[Case], list[Case]]]


def _rotated(case: Case) -> list[Case]:
    """Return the case in another orientation; contributions stay."""
    turn = np.linalg.qr(np.random.default_rng(SEED).normal(size=(3, 3)))[0]
    return [_moved(case, turn * np.sign(np.linalg.det(turn)))]


def _reflected(case: Case) -> list[Case]:
    """Return the case in a mirror; contributions stay."""
    return [_moved(case, np.diag([1.0, 1.0, -1.0]))]


def _moved(case: Case, motion: Floats) -> Case:
    structures = case.structures
    moved = replace(structures, positions=structures.positions @ motion, cells=structures.cells @ motion)
    probed = tuple(replace(one, points=one.points @ motion) for one in case.probed)
    return replace(case, structures=moved, probed=probed)


def _translated(case: Case) -> list[Case]:
    """Return the case far from the origin; contributions stay."""
    far = np.array([40.0, -300.0, 1000.0])
    structures = replace(case.structures, positions=case.structures.positions + far)
    probed = tuple(replace(one, points=one.points + far) for one in case.probed)
    return [replace(case, structures=structures, probed=probed)]


def _permuted(case: Case) -> list[Case]:
    """Return the case with the atoms of each structure in another order; contributions go with them."""
    rng = np.random.default_rng(SEED)
    order = np.lexsort([rng.random(len(case.structures.numbers)), case.structures.owners])
    structures = case.structures
    shuffled = replace(structures, numbers=structures.numbers[order], positions=structures.positions[order])
    return [replace(case, structures=shuffled, contributions=_of(case, order))]


def _one_by_one(case: Case) -> list[Case]:
    """Return every structure of the case alone; contributions stay. Probes are asked so anyway."""
    rows = [np.array([row]) for row in range(len(case.structures))]
    return [
        Case(case.name, case.structures.take(row), _of(case, case.structures.atoms_of(row))) for row in rows
    ]


def _of(case: Case, atoms: Integers) -> dict[str, Floats]:
    return {head: values[atoms] for head, values in case.contributions.items()}


VARIANTS: Variants = {
    "all, rotated": _rotated,
    "all, reflected": _reflected,
    "all, translated": _translated,
    "all, atoms permuted": _permuted,
    "all, one by one": _one_by_one,
}
