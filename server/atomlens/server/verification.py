"""Verification: what can be checked of a bundle without the network it was made from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from atomlens.server.cases import CASES, Case, load_cases
from atomlens.server.errors import BundleError
from atomlens.server.model import Model
from atomlens.server.repository import VERSION
from atomlens.server.structures import Floats, Integers

TOLERANCE = 1e-4  # in the head's unit per atom
SEED = 0


@dataclass(frozen=True, slots=True)
class Row:
    """The largest error of one output in one case."""

    case: str
    output: str
    structures: int
    largest_error: float

    def within(self, tolerance: float) -> bool:
        """Return whether the error is a number and not above the tolerance."""
        return math.isfinite(self.largest_error) and self.largest_error <= tolerance


def verify_bundle(path: Path, provider: str = "cpu") -> list[Row]:
    """Return the errors of a bundle's graph against its stored cases, as they are and in every variant.

    Loading checks the digests, the card's contract, and the graph's inputs and outputs.

    Raises:
        BundleError: the bundle breaks the contract or has no verification cases.
        EngineError: the graph failed on a case.
        ProviderError: the provider is not to be had here.
    """
    model = _load(path.resolve(), provider)
    cases = _cases(model.bundle.files, [head.name for head in model.card.heads])
    groups = {case.name: [case] for case in cases}
    groups |= {name: [new for case in cases for new in vary(case)] for name, vary in VARIANTS.items()}
    return [
        _row(model, name, head.name, group) for name, group in groups.items() for head in model.card.heads
    ]


def largest_error(got: npt.NDArray[Any], expected: npt.NDArray[Any]) -> float:
    """Return the largest absolute difference, NaN where a number is none, infinity for another shape."""
    if got.shape != expected.shape:
        return math.inf
    return float(np.abs(got.astype(np.float64) - expected).max(initial=0.0))


def _load(path: Path, provider: str) -> Model:
    if not VERSION.fullmatch(path.name):
        raise BundleError(f"the path of a bundle must be REPOSITORY/MODEL/VERSION, got {path}")
    return Model.load(path, provider)


def _cases(files: Mapping[str, bytes], heads: list[str]) -> list[Case]:
    if CASES not in files:
        raise BundleError(f"{CASES}: the bundle has none, so there is nothing to verify it against")
    cases = load_cases(files[CASES])
    for case in cases:
        if not set(heads) <= set(case.contributions):
            raise BundleError(f"{CASES}: case {case.name!r} must have the heads {heads}")
    return cases


def _row(model: Model, name: str, head: str, cases: list[Case]) -> Row:
    """Return the largest error over the cases, run as the engine runs them."""
    errors = [
        largest_error(model.run(model.prepare(case.structures))[head], case.contributions[head])
        for case in cases
    ]
    return Row(name, head, sum(len(case.structures) for case in cases), float(np.max(errors)))


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
    return replace(case, structures=moved)


def _translated(case: Case) -> list[Case]:
    """Return the case far from the origin; contributions stay."""
    far = case.structures.positions + np.array([40.0, -300.0, 1000.0])
    return [replace(case, structures=replace(case.structures, positions=far))]


def _permuted(case: Case) -> list[Case]:
    """Return the case with the atoms of each structure in another order; contributions go with them."""
    rng = np.random.default_rng(SEED)
    order = np.lexsort([rng.random(len(case.structures.numbers)), case.structures.owners])
    structures = case.structures
    shuffled = replace(structures, numbers=structures.numbers[order], positions=structures.positions[order])
    return [replace(case, structures=shuffled, contributions=_of(case, order))]


def _one_by_one(case: Case) -> list[Case]:
    """Return every structure of the case alone; contributions stay."""
    rows = [np.array([row]) for row in range(len(case.structures))]
    return [
        Case(case.name, case.structures.take(row), _of(case, case.structures.atoms_of(row))) for row in rows
    ]


def _of(case: Case, atoms: Integers) -> dict[str, Floats]:
    return {head: values[atoms] for head, values in case.contributions.items()}


VARIANTS: dict[str, Callable[[Case], list[Case]]] = {
    "all, rotated": _rotated,
    "all, reflected": _reflected,
    "all, translated": _translated,
    "all, atoms permuted": _permuted,
    "all, one by one": _one_by_one,
}
