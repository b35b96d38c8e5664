"""`atomlens.server.admission`: what both ways into a model have in common."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from atomlens.server.admission import Admission, admit, admit_alone
from atomlens.server.dense_work import MOST_ATOMS, DenseWork
from atomlens.server.errors import InputError
from atomlens.server.limits import Limits
from atomlens.server.model import Model
from atomlens.server.structures import Floats, Structures
from atomlens.server.table_work import TableWork

from .pair_model import write_bundle

Cluster = Callable[[int], Floats]


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory, water: Structures) -> Model:
    """The pair model with both graphs."""
    return Model.load(write_bundle(tmp_path_factory.mktemp("dense"), water), "cpu")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory, water: Structures) -> Model:
    """The pair model without a graph for molecules."""
    return Model.load(write_bundle(tmp_path_factory.mktemp("tables"), water, None), "cpu")


def told(admission: Admission) -> list[object]:
    """Return what a caller is told at the door."""
    failures = {row: (str(one), one.reason, one.field) for row, one in admission.failures.items()}
    return [
        sorted(admission.rows.tolist()),
        dict(sorted(failures.items())),
        admission.cost,
        sorted(admission.warnings, key=lambda one: (one.kind, one.structure)),
    ]


def crowd(rng: np.random.Generator, molecules: int, most_atoms: int) -> Structures:
    """Return random molecules, most of them with pairs too close and some with two atoms on one place."""
    counts = rng.integers(1, most_atoms + 1, molecules)
    atoms = int(counts.sum())
    spread = np.repeat(0.5 * counts ** (1 / 3) + rng.uniform(0, 2, molecules), counts)[:, None]
    positions = rng.uniform(-1, 1, (atoms, 3)) * spread + np.repeat(
        rng.normal(0, 50, (molecules, 3)), counts, 0
    )
    twins = rng.choice(atoms - 1, molecules // 8)
    positions[twins] = positions[twins + 1] + rng.uniform(0, 0.008, (len(twins), 3))
    return Structures.molecules(counts, rng.choice([1, 6, 7, 8], atoms), positions)


@pytest.mark.parametrize("most_atoms", [1, 2, 9, 30, 70])
@pytest.mark.parametrize("limits", [Limits(), Limits(max_structure_cost=300)], ids=["large", "small"])
def test_a_caller_is_told_the_same_whichever_graph_is_to_answer(
    dense: Model, tables: Model, rng: np.random.Generator, most_atoms: int, limits: Limits
) -> None:
    """The same structures are admitted, at the same cost, and errors and warnings have the same words."""
    for molecules in (1, 2, 300):
        batch = crowd(rng, molecules, most_atoms)
        assert told(admit(dense, batch, (), limits)) == told(admit(tables, batch, (), limits))


def test_real_molecules_are_told_the_same_too(dense: Model, tables: Model, g2: Structures) -> None:
    """Of which few are warned of."""
    assert told(admit(dense, g2, (), Limits())) == told(admit(tables, g2, (), Limits()))


def test_small_molecules_are_apart_from_all_else(
    dense: Model, water: Structures, cluster: Cluster, crystal: Callable[..., Structures]
) -> None:
    """Each kind has its own work, and rows say whose it is; small molecules go by size."""
    large = Structures.molecules([MOST_ATOMS + 1], [1] * (MOST_ATOMS + 1), cluster(MOST_ATOMS + 1))
    hydrogen = Structures.molecules([2], [1, 1], [[0.0, 0.0, 0.0], [0.0, 0.0, 0.8]])
    carbon = crystal([6], [[0, 0, 0]], 2.5 * np.eye(3))
    admission = admit(dense, Structures.concatenate([carbon, water, large, hydrogen]), (), Limits())
    assert admission.rows.tolist() == [3, 1, 0, 2]
    assert [type(work) for work in admission.works] == [DenseWork, TableWork]
    assert [work.counts.tolist() for work in admission.works] == [[2, 3], [1, MOST_ATOMS + 1]]


def test_requests_are_bounded_over_both_graphs(
    dense: Model, water: Structures, crystal: Callable[..., Structures]
) -> None:
    """Small molecules and crystals together."""
    both = Structures.concatenate([water, crystal([6], [[0, 0, 0]], 2.5 * np.eye(3))])
    cost = admit(dense, both, (), Limits()).cost
    admit(dense, both, (), Limits(max_request_cost=cost))
    with pytest.raises(InputError, match=f"at most {cost - 1} together") as caught:
        admit(dense, both, (), Limits(max_request_cost=cost - 1))
    assert (caught.value.reason, caught.value.field) == ("REQUEST_TOO_LARGE", "structures")


def test_a_structure_alone_has_pairs_or_an_error(dense: Model, water: Structures) -> None:
    """However small: probes read its pairs."""
    assert len(admit_alone(dense, water, Limits()).pairs.centers) == 6
    with pytest.raises(InputError, match="must not put two atoms on one place, as atoms 0 and 1 are"):
        admit_alone(dense, Structures.molecules([2], [1, 1], np.zeros((2, 3))), Limits())
    with pytest.raises(InputError, match="may cost at most 8"):
        admit_alone(dense, water, Limits(max_structure_cost=8))
    with pytest.raises(InputError, match="a structure must have atoms"):
        admit_alone(dense, Structures.molecules([0], [], np.zeros((0, 3))), Limits())
