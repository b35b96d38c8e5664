"""Validation: which structures of a batch a model can take, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from atomlens.server.card import NUMBERS, Card, Head
from atomlens.server.close import ClosePairs
from atomlens.server.elements import SYMBOLS
from atomlens.server.errors import InputError
from atomlens.server.limits import Limits
from atomlens.server.structures import Integers, Structures

Mask = npt.NDArray[np.bool_] | np.bool_
Failures = dict[int, InputError]
MOST_NAMES = 20  # elements that a message names one by one
FLATTEST_CELL = 1e-6  # volume over the product of the lengths


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
        if _is_plain(structures, card, limits):
            return failures
        for rule in (
            *_shape_rules(structures, limits),
            *_number_rules(structures, card),
            *_cell_rules(structures, card, heads, limits),
        ):
            _collect(structures, rule, failures)
    return failures


def check_pairs(too_large: Integers, close: ClosePairs, limits: Limits) -> Failures:
    """Return the errors of structures that cost too much or have two atoms on one place, by index.

    Args:
        too_large: indices of structures in the request.
        close: pairs of all structures.
        limits: those of the engine.
    """
    failures = {row: _too_large(row, limits.max_structure_cost) for row in too_large.tolist()}
    met = close.closer_than(limits.min_distance_angstrom)
    for row, first, second in zip(met.rows.tolist(), met.first.tolist(), met.second.tolist(), strict=True):
        if row not in failures:
            failures[row] = _on_one_place(row, first, second)
    return failures


def unknown_element(card: Card, number: int, field: str) -> InputError:
    """Return the error for an element that the model does not know."""
    names = ", ".join(SYMBOLS[known] for known in card.elements)
    if len(card.elements) > MOST_NAMES:
        names = f"{len(card.elements)} others"
    return InputError(
        f"{card.name} does not know element {_symbol(number)}, only {names}", "UNKNOWN_ELEMENT", field
    )


def _is_plain(structures: Structures, card: Card, limits: Limits) -> bool:
    """Return whether all structures are neutral molecules that break no rule, as most are."""
    counts, positions, far = structures.counts, structures.positions, limits.max_coordinate_angstrom
    return bool(
        counts.min(initial=1) > 0
        and counts.max(initial=1) <= limits.max_atoms
        and -far <= positions.min(initial=0.0)  # false for NaN
        and positions.max(initial=0.0) <= far
        and card.known.take(structures.numbers, mode="clip").all()
        and 0 in card.charges
        and structures.are_plain
    )


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
    yield Rule(
        ~card.known[np.clip(structures.numbers, 0, NUMBERS)],
        "UNKNOWN_ELEMENT",
        "numbers",
        lambda atom: unknown_element(card, int(structures.numbers[atom]), "").message,
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


def _cell_rules(
    structures: Structures, card: Card, heads: tuple[Head, ...], limits: Limits
) -> Iterator[Rule]:
    periodic = structures.pbc.any(1)
    finite = np.isfinite(structures.cells).all((1, 2))
    far = limits.max_coordinate_angstrom
    tame = (np.abs(structures.cells) <= far).all((1, 2))  # (structures,)
    yield Rule(
        ~finite,
        "NOT_FINITE",
        "cells",
        lambda row: f"`cell` must be finite, got {structures.cells[row].tolist()}",
    )
    yield Rule(
        ~tame,
        "COORDINATES_TOO_LARGE",
        "cells",
        lambda row: f"`cell` must lie within {far:g} Å of the origin, got {structures.cells[row].tolist()}",
    )
    cells = replace(structures, cells=np.where(tame.reshape(-1, 1, 1), structures.cells, 0.0)).complete_cells
    volumes = np.abs(np.linalg.det(cells))
    lengths = np.linalg.norm(cells, axis=2)  # (structures, 3)
    yield Rule(
        periodic & ~(volumes > FLATTEST_CELL * lengths.prod(1)),
        "MISSING_CELL",
        "cells",
        lambda row: (
            "`cell` must span the directions in which `pbc` is set, got "
            f"{structures.cells[row].tolist() if structures.cells[row].any() else 'none'}"
        ),
    )
    least = limits.min_distance_angstrom
    yield Rule(
        ((lengths < least) & structures.pbc).any(1),
        "CELL_TOO_SMALL",
        "cells",
        lambda row: (
            f"`cell` must repeat after {least:g} Å at least, where an atom meets itself, got vectors of "
            f"{lengths[row].tolist()} Å"
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


def _too_large(row: int, most: int) -> InputError:
    return InputError(
        f"a structure may cost at most {most} (atoms + pairs within the cutoff; the setting is "
        "`max_structure_cost`), this one costs more",
        "STRUCTURE_TOO_LARGE",
        f"structures[{row}].positions",
    )


def _on_one_place(row: int, first: int, second: int) -> InputError:
    return InputError(
        f"`positions` must not put two atoms on one place, as atoms {first} and {second} are",
        "COINCIDENT_ATOMS",
        f"structures[{row}].positions[{first}]",
    )


def _collect(structures: Structures, rule: Rule, failures: Failures) -> None:
    """Add the structures that break the rule and broke none before."""
    for index in np.flatnonzero(rule.broken):
        row = int(structures.owners[index]) if rule.per_atom else int(index)
        if row not in failures:
            place = f".{rule.field}[{index - structures.offsets[row]}]" if rule.per_atom else f".{rule.field}"
            failures[row] = InputError(rule.message(int(index)), rule.reason, f"structures[{row}]{place}")


def _symbol(number: int) -> str:
    return f"{SYMBOLS[number]} ({number})" if 0 < number < NUMBERS else str(number)
