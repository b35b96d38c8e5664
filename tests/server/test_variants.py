"""`atomlens.server.variants`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from atomlens.server.cases import Case, Probed
from atomlens.server.structures import Floats, Structures
from atomlens.server.variants import VARIANTS

MOTIONS = ("all, rotated", "all, reflected", "all, translated")


@pytest.fixture
def case(crystal: Callable[..., Structures], rng: np.random.Generator) -> Case:
    """A molecule and a crystal, both probed."""
    cell = [[4.0, 0.0, 0.0], [1.0, 4.2, 0.0], [0.0, -0.5, 3.9]]
    parts = [
        Structures.molecules([3], [8, 1, 6], rng.normal(size=(3, 3))),
        crystal([7, 1], rng.normal(size=(2, 3)), cell),
    ]
    probed = tuple(
        Probed(row, np.array([1, 8]), rng.normal(size=(4, 3)), {"energy": rng.normal(size=(2, 4))})
        for row in (0, 1)
    )
    return Case("two", Structures.concatenate(parts), {"energy": rng.normal(size=5)}, probed)


def lengths(case: Case) -> list[Floats]:
    """Return the distances between points, atoms and lattice vectors' ends, of each structure."""
    found = []
    for one in case.probed:
        structure = case.structures.take([one.row])
        ends = structure.positions[0] + structure.cells[0]
        everything = np.vstack([structure.positions, ends, one.points])
        found.append(np.linalg.norm(everything - everything[:, None], axis=2))
    return found


@pytest.mark.parametrize("name", MOTIONS)
def test_motions_take_points_and_cells_along(name: str, case: Case) -> None:
    """All distances stay, what is known stays, and positions are others."""
    (moved,) = VARIANTS[name](case)
    for before, after in zip(lengths(case), lengths(moved), strict=True):
        np.testing.assert_allclose(before, after, atol=1e-9)
    assert np.abs(moved.structures.positions - case.structures.positions).max() > 0.1
    assert moved.contributions is case.contributions
    assert [one.values for one in moved.probed] == [one.values for one in case.probed]


def test_rotations_are_proper_and_reflections_are_not(case: Case) -> None:
    """The volume that three atoms span turns its sign in a mirror alone."""
    volumes = [
        np.linalg.det(made.structures.positions[:3]) for made in (case, *VARIANTS["all, rotated"](case))
    ]
    assert volumes[0] == pytest.approx(volumes[1])
    (mirrored,) = VARIANTS["all, reflected"](case)
    assert np.linalg.det(mirrored.structures.positions[:3]) == pytest.approx(-volumes[0])


def test_atoms_are_permuted_within_their_structure(case: Case) -> None:
    """Each goes with its contribution; probes stay where they are."""
    (shuffled,) = VARIANTS["all, atoms permuted"](case)
    assert shuffled.structures.counts.tolist() == [3, 2]
    assert shuffled.probed == case.probed
    for first, last in ((0, 3), (3, 5)):
        before, after = (
            sorted(
                zip(
                    made.structures.numbers[first:last], made.contributions["energy"][first:last], strict=True
                )
            )
            for made in (case, shuffled)
        )
        assert before == after
    assert shuffled.structures.numbers.tolist() != case.structures.numbers.tolist()


def test_structures_come_one_by_one(case: Case) -> None:
    """With their contributions, and without probes, which are asked of one structure anyway."""
    alone = VARIANTS["all, one by one"](case)
    assert [made.structures.numbers.tolist() for made in alone] == [[8, 1, 6], [7, 1]]
    assert [*alone[0].contributions["energy"], *alone[1].contributions["energy"]] == [
        *case.contributions["energy"]
    ]
    assert not any(made.probed for made in alone)
