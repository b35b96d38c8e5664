"""`atomlens.server.validation`: every rule of the door, through the door."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from atomlens.server.admission import Admission, admit
from atomlens.server.errors import InputError
from atomlens.server.limits import Limits
from atomlens.server.model import Model
from atomlens.server.repository import Repository
from atomlens.server.structures import Floats, Structures

Crystal = Callable[..., Structures]
CUBE = 4.0 * np.eye(3)


@pytest.fixture
def door(model: Model) -> Callable[..., Admission]:
    """The door of the toy SchNet."""

    def enter(structures: Structures, **limits: Any) -> Admission:
        return admit(model, structures, (), Limits(**limits))

    return enter


def edit(water: Structures, **changes: Any) -> Structures:
    """Return water with fields replaced."""
    return replace(water, **changes)


def at(water: Structures, atom: int, place: list[float]) -> Structures:
    """Return water with one atom elsewhere."""
    positions = water.positions.copy()
    positions[atom] = place
    return replace(water, positions=positions)


Bad = Callable[[Structures, Crystal], Structures]
RULES: dict[str, tuple[Bad, str, str, str]] = {
    "empty": (
        lambda _w, _c: Structures.molecules([0], [], np.zeros((0, 3))),
        "EMPTY_STRUCTURE",
        "counts",
        "must have atoms, got none",
    ),
    "nan": (
        lambda w, _c: at(w, 1, [np.nan, 0, 0]),
        "NOT_FINITE",
        "positions[1]",
        r"must be finite, got \[nan",
    ),
    "infinite": (lambda w, _c: at(w, 2, [0, np.inf, 0]), "NOT_FINITE", "positions[2]", "must be finite"),
    "far": (lambda w, _c: at(w, 2, [0, 0, -2e6]), "COORDINATES_TOO_LARGE", "positions[2]", "within 1e.06 Å"),
    "one place": (
        lambda w, _c: at(w, 2, w.positions[1].tolist()),
        "COINCIDENT_ATOMS",
        "positions[1]",
        "as atoms 1 and 2 are",
    ),
    "one place in images": (
        lambda _w, c: c([6, 6], [[0, 0, 0], [4, 0, 0]], CUBE),
        "COINCIDENT_ATOMS",
        "positions[0]",
        "atoms 0 and 1",
    ),
    "unknown element": (
        lambda w, _c: edit(w, numbers=np.array([8, 1, 9])),
        "UNKNOWN_ELEMENT",
        "numbers[2]",
        r"toy-schnet-energy does not know element F \(9\), only H, C, N, O",
    ),
    "no element": (
        lambda w, _c: edit(w, numbers=np.array([0, 1, 1])),
        "UNKNOWN_ELEMENT",
        "numbers[0]",
        "element 0,",
    ),
    "beyond the table": (
        lambda w, _c: edit(w, numbers=np.array([8, 255, 1])),
        "UNKNOWN_ELEMENT",
        "numbers[1]",
        "element 255,",
    ),
    "charge": (
        lambda w, _c: edit(w, charges=np.array([1.0])),
        "UNSUPPORTED_CHARGE",
        "charges",
        r"charges \[0\], got 1",
    ),
    "charge nan": (
        lambda w, _c: edit(w, charges=np.array([np.nan])),
        "UNSUPPORTED_CHARGE",
        "charges",
        "got nan",
    ),
    "spin": (
        lambda w, _c: edit(w, spins=np.array([3])),
        "UNSUPPORTED_SPIN",
        "spins",
        r"multiplicities \[1\], got 3",
    ),
    "no cell": (
        lambda _w, c: c([6], [[0, 0, 0]], 0 * CUBE),
        "MISSING_CELL",
        "cells",
        "must span the directions in which `pbc` is set, got none",
    ),
    "flat cell": (
        lambda _w, c: c([6], [[0, 0, 0]], [[4, 0, 0], [4, 0, 0], [0, 0, 4]]),
        "MISSING_CELL",
        "cells",
        "must span",
    ),
    "flat layer": (
        lambda _w, c: c([6], [[0, 0, 0]], [[4, 0, 0], [8, 0, 0], [0, 0, 0]], (True, True, False)),
        "MISSING_CELL",
        "cells",
        "must span",
    ),
    "tiny cell": (
        lambda _w, c: c([6], [[0, 0, 0]], [[4, 0, 0], [0, 2e-308, 0], [0, 0, 4]]),
        "CELL_TOO_SMALL",
        "cells",
        r"must repeat after 0.01 Å at least, .* got vectors of \[4.0, 0.0, 4.0\] Å",
    ),
    "cell nan": (
        lambda _w, c: c([6], [[0, 0, 0]], np.nan * CUBE, (True, False, False)),
        "NOT_FINITE",
        "cells",
        "must be finite",
    ),
    "cell infinite": (
        lambda _w, c: c([6], [[0, 0, 0]], np.full((3, 3), np.inf)),
        "NOT_FINITE",
        "cells",
        "must be finite",
    ),
    "cell huge": (
        lambda _w, c: c([6], [[0, 0, 0]], 1e200 * CUBE),
        "COORDINATES_TOO_LARGE",
        "cells",
        "within 1e.06 Å",
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_a_structure_that_breaks_a_rule_fails_alone(
    name: str, door: Callable[..., Admission], water: Structures, crystal: Crystal
) -> None:
    """The error has the rule's reason, names the field by its place in the request, and says what came."""
    make, reason, field, message = RULES[name]
    coincident = at(
        water, 1, water.positions[0].tolist()
    )  # fails later than others: rows must not be mixed up
    batch = [water, edit(water, spins=np.array([7])), make(water, crystal), water, coincident]
    admission = door(Structures.concatenate(batch))
    assert sorted(admission.failures) == [1, 2, 4]
    assert admission.rows.tolist() == [0, 3]
    error = admission.failures[2]
    assert (error.reason, error.field) == (reason, f"structures[2].{field}")
    assert admission.failures[4].field == "structures[4].positions[0]"
    with pytest.raises(InputError, match=message):
        raise error


def test_valid_structures_are_admitted(
    door: Callable[..., Admission], water: Structures, crystal: Crystal
) -> None:
    """Given spins that the model takes, cells that nothing repeats in, and cells smaller than the cutoff."""
    batch = [
        edit(water, spins=np.array([1])),
        edit(water, cells=np.full((1, 3, 3), 7.0)),
        crystal([6], [[0, 0, 0]], 0.4 * CUBE),
        crystal([6], [[0, 0, 0]], np.diag([2.0, 0, 0]), (True, False, False)),
    ]
    assert door(Structures.concatenate(batch)).failures == {}


def test_moments_of_periodic_structures_are_refused(
    repository: Repository, water: Structures, crystal: Crystal
) -> None:
    """Along one direction already; a molecule in a box of no periodicity has a dipole."""
    model = repository.find("toy-bpnn-dipole")
    boxed = edit(water, cells=CUBE[None])
    batch = Structures.concatenate([boxed, crystal([6], [[0, 0, 0]], CUBE, (False, True, False))])
    admission = admit(model, batch, (), Limits())
    (error,) = admission.failures.values()
    assert (error.reason, error.field) == ("PERIODIC_MOMENT", "structures[1].pbc")


def test_a_batch_of_failures_is_answered(door: Callable[..., Admission], water: Structures) -> None:
    """None admitted is no error of the call."""
    bad = edit(water, spins=np.array([2]))
    admission = door(Structures.concatenate([bad, bad]))
    assert sorted(admission.failures) == [0, 1]
    assert admission.cost == 0


def test_limits_are_exact(door: Callable[..., Admission], water: Structures) -> None:
    """Three atoms with six pairs cost nine."""
    assert door(water, max_structure_cost=9, max_atoms=3).failures == {}
    assert door(water, max_structure_cost=8).failures[0].reason == "STRUCTURE_TOO_LARGE"
    error = door(water, max_atoms=2).failures[0]
    assert (error.reason, error.field) == ("STRUCTURE_TOO_LARGE", "structures[0].counts")


def adversaries(rng: np.random.Generator, crystal: Crystal) -> dict[str, Structures]:
    """Return structures that would take hours or terabytes if they were taken seriously."""

    def molecule(positions: Floats) -> Structures:
        return Structures.molecules([len(positions)], np.ones(len(positions)), positions)

    return {
        "a million atoms": molecule(rng.uniform(0, 300, (1_000_000, 3))),
        "a clump": molecule(rng.uniform(0, 4, (100_000, 3))),
        "a clump beside lone atoms": molecule(
            np.concatenate([rng.uniform(0, 4, (1900, 3)), np.arange(90_000)[:, None] * [10.0, 0, 0]])
        ),
        "a tiny cell": crystal([1], [[0, 0, 0]], 0.01 * np.eye(3)),
        "a thin cell": crystal([1], [[0, 0, 0]], np.diag([1e-12, 50.0, 50.0])),
        "a clump in a thin chain": crystal(
            [1] * 3000, rng.uniform(0, 2, (3000, 3)), np.diag([0.05, 0, 0]), (True, False, False)
        ),
        "a clump in a huge cell": crystal([1] * 9000, rng.uniform(0, 2, (9000, 3)), 1e5 * np.eye(3)),
        "a clump over many images": crystal(
            [1] * 9000,
            rng.uniform(0, 2, (9000, 3)) + 100.0 * rng.integers(-50, 50, (9000, 3)),
            100.0 * np.eye(3),
        ),
    }


def test_adversarial_structures_are_refused_fast_and_in_bounded_memory(
    door: Callable[..., Admission], rng: np.random.Generator, crystal: Crystal
) -> None:
    """Each is refused as too large, or its cell as too small, within seconds and 2 GiB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, one in adversaries(rng, crystal).items():
        started = time.process_time()
        admission = door(one)
        assert admission.failures[0].reason in ("STRUCTURE_TOO_LARGE", "CELL_TOO_SMALL"), name
        assert time.process_time() - started < 20, name
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2 * 2**20, "KiB"


def test_large_structures_that_are_not_dense_are_taken(
    door: Callable[..., Admission], cluster: Callable[[int], Floats], crystal: Crystal
) -> None:
    """A needle of atoms over 20,000 Å and a layer thicker than its cell is wide are no adversaries."""
    needle = np.arange(10_000)[:, None] * np.array([2.0, 0.0, 0.0])
    layer = cluster(4096) @ np.diag([1.0, 1.0, 1.0])
    batch = Structures.concatenate(
        [
            Structures.molecules([10_000], [1] * 10_000, needle),
            crystal([6] * 4096, layer, np.diag([25.6, 25.6, 0.0]), (True, True, False)),
        ]
    )
    assert door(batch).failures == {}
