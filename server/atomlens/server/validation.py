"""Validation: which structures of a batch a model can take, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from atomlens.server.card import NUMBERS, Card, Head
from atomlens.server.elements import SYMBOLS
from atomlens.server.errors import InputError
from atomlens.server.limits import Limits
from atomlens.server.neighbors import Pairs
from atomlens.server.structures import Floats, Structures

Mask = npt.NDArray[np.bool_] | np.bool_
Failures = dict[int, InputError]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that each structure keeps or breaks; ``broken`` marks structures or atoms."""

    broken: Mask  # (structures,), or (atoms,) if per_atom
    reason: str
    field: str
    message: Callable[[int], str]  # from the index of the structure or atom
    per_atom: bool = False


def check(structures: Structures, card: Card, heads: tuple[Head, ...], limits: Limits) -> Failures:
    """Return the first broken rule of each structure that breaks one, before its neighbors are sought."""
    failures: Failures = {}
    with np.errstate(all="ignore"):  # broken numbers are what is looked for
        rules = (
            *_shape_rules(structures, limits),
            *_number_rules(structures, card),
            *_cell_rules(structures, card, heads),
            _size_rule(structures, card, limits),
        )
        for rule in rules:
            _collect(structures, rule, failures)
    return failures


def check_pairs(structures: Structures, pairs: Pairs, distances: Floats, limits: Limits) -> Failures:
    """Return the structures with two atoms on one place."""
    failures: Failures = {}
    on_one_place = distances < limits.min_distance_angstrom
    if not on_one_place.any():
        return failures
    met = np.zeros(len(structures.numbers), np.bool_)
    met[pairs.centers[on_one_place]] = True
    partners = dict(zip(pairs.centers[on_one_place], pairs.neighbors[on_one_place], strict=True))

    def message(atom: int) -> str:
        first = structures.offsets[structures.owners[atom]]
        both = f"{atom - first} and {partners[atom] - first}"
        return f"`positions` must not put two atoms on one place, as atoms {both} are"

    _collect(structures, Rule(met, "COINCIDENT_ATOMS", "positions", message, per_atom=True), failures)
    return failures


def _shape_rules(structures: Structures, limits: Limits) -> Iterator[Rule]:
    yield Rule(
        structures.counts == 0, "EMPTY_STRUCTURE", "counts", lambda _: "a structure must have atoms, got none"
    )
    yield Rule(
        structures.counts > limits.max_atoms,
        "STRUCTURE_TOO_LARGE",
        "counts",
        lambda row: f"a structure must have at most {limits.max_atoms} atoms, got {structures.counts[row]}",
    )
    far = limits.max_coordinate_angstrom
    yield Rule(
        ~np.isfinite(structures.positions).all(1),
        "NOT_FINITE",
        "positions",
        lambda atom: f"`positions` must be finite, got {structures.positions[atom].tolist()}",
        per_atom=True,
    )
    yield Rule(
        (np.abs(structures.positions) > far).any(1),
        "COORDINATES_TOO_LARGE",
        "positions",
        lambda atom: (
            f"`positions` must lie within {far:g} Å of the origin, got {structures.positions[atom].tolist()}"
        ),
        per_atom=True,
    )


def _number_rules(structures: Structures, card: Card) -> Iterator[Rule]:
    known = np.zeros(256, np.bool_)
    known[list(card.elements)] = True
    names = ", ".join(SYMBOLS[number] for number in card.elements)
    yield Rule(
        ~known[np.clip(structures.numbers, 0, 255)],
        "UNKNOWN_ELEMENT",
        "numbers",
        lambda atom: (
            f"{card.name} does not know element {_symbol(int(structures.numbers[atom]))}, only {names}"
        ),
        per_atom=True,
    )
    yield Rule(
        ~np.isin(structures.charges, list(card.charges)),
        "UNSUPPORTED_CHARGE",
        "charges",
        lambda row: f"{card.name} takes charges {sorted(card.charges)}, got {structures.charges[row]:g}",
    )
    yield Rule(
        ~np.isin(structures.spins, [0, *card.spins]),
        "UNSUPPORTED_SPIN",
        "spins",
        lambda row: (
            f"{card.name} takes spin multiplicities {sorted(card.spins)}, got {structures.spins[row]}"
        ),
    )


def _cell_rules(structures: Structures, card: Card, heads: tuple[Head, ...]) -> Iterator[Rule]:
    periodic = structures.pbc.any(1)
    yield Rule(
        ~np.isfinite(structures.cells).all((1, 2)),
        "NOT_FINITE",
        "cells",
        lambda row: f"`cell` must be finite, got {structures.cells[row].tolist()}",
    )
    volumes = np.abs(np.linalg.det(np.nan_to_num(structures.complete_cells)))
    lengths = np.linalg.norm(structures.complete_cells, axis=2).prod(1)
    yield Rule(
        periodic & ~(volumes > 1e-6 * lengths),
        "MISSING_CELL",
        "cells",
        lambda row: (
            f"`cell` must span the directions in which `pbc` is set, got {structures.cells[row].tolist()}"
        ),
    )
    moments = [head.name for head in heads if head.is_moment]
    yield Rule(
        periodic & bool(moments),
        "PERIODIC_MOMENT",
        "pbc",
        lambda _: (
            f"head {moments[0]!r} of {card.name} has no meaning in a periodic structure: its moment "
            "depends on the choice of the cell"
        ),
    )


def _size_rule(structures: Structures, card: Card, limits: Limits) -> Rule:
    cost = estimated_cost(structures, card.cutoff_angstrom)
    return Rule(
        cost > limits.max_structure_cost,
        "STRUCTURE_TOO_LARGE",
        "positions",
        lambda row: (
            f"a structure may cost at most {limits.max_structure_cost} (atoms + pairs within the cutoff), "
            f"this one costs about {cost[row]:.3g}"
        ),
    )


def estimated_cost(structures: Structures, cutoff: float) -> Floats:
    """Return a bound from below on atoms + pairs that needs no neighbor list, for each structure.

    Atoms that share a cube whose diagonal is the cutoff are pairs. In a periodic structure the number of
    images within the cutoff follows from the cell's volume.
    """
    cubes = np.floor(np.nan_to_num(structures.positions) / (cutoff / np.sqrt(3.0)))
    keys = np.column_stack([structures.owners, np.clip(cubes, -1e9, 1e9).astype(np.int64)])
    _, first, members = np.unique(keys, axis=0, return_index=True, return_counts=True)
    shared = np.zeros(len(structures))
    np.add.at(shared, structures.owners[first], members * (members - 1.0))
    volumes = np.abs(np.linalg.det(np.nan_to_num(structures.complete_cells)))
    volumes *= (2.0 * cutoff) ** (~structures.pbc).sum(1)  # where nothing repeats, the sphere is the end
    dense = structures.counts**2 * (4.0 / 3.0 * np.pi * cutoff**3) / np.maximum(volumes, 1e-12)
    pairs = np.where(structures.pbc.any(1), dense, shared)
    return np.asarray(structures.counts + pairs, np.float64)


def _collect(structures: Structures, rule: Rule, failures: Failures) -> None:
    """Add the structures that break the rule and broke none before."""
    for index in np.flatnonzero(rule.broken):
        row = int(structures.owners[index]) if rule.per_atom else int(index)
        if row not in failures:
            place = f".{rule.field}[{index - structures.offsets[row]}]" if rule.per_atom else f".{rule.field}"
            failures[row] = InputError(rule.message(int(index)), rule.reason, f"structures[{row}]{place}")


def _symbol(number: int) -> str:
    return f"{SYMBOLS[number]} ({number})" if 0 < number < NUMBERS else str(number)
