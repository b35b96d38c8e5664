"""Answers to a batch."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest

from atomlens.client import (
    BatchHead,
    Explanation,
    Explanations,
    Failure,
    InputError,
    ModelReference,
    Structure,
    Structures,
)
from atomlens.client.explanation import Outcome

MODEL = ModelReference("m", 3, "ab", "cpu")
NAN = np.nan
BATCH = Structures.of(
    [
        Structure(np.full(atoms, 6), np.zeros((atoms, 3)), id=name)
        for atoms, name in ((2, "a"), (1, ""), (3, "c"))
    ]
)
ENERGY = BatchHead(
    "energy", "sum", "eV", "eV", np.array([3.0, NAN, 12.0]), np.array([1.0, 2.0, NAN, 3.0, 4.0, 5.0])
)
CHARGE = BatchHead(
    "charge",
    "dipole",
    "e",
    "e·Å",
    np.array([0.1, NAN, 0.2]),
    np.array([0.5, -0.5, NAN, 0.1, 0.2, -0.3]),
    vectors=np.arange(9.0).reshape(3, 3),
)
FAILED = InputError("bad one", reason="BAD")
ANSWERS = Explanations(
    BATCH, {"energy": ENERGY, "charge": CHARGE}, (MODEL,), {1: FAILED}, {2: ("close", "big")}
)


def summary(outcomes: Any) -> list[tuple[Any, ...]]:
    """Return what is said of each structure."""
    return [_summary(outcome) for outcome in outcomes]


def _summary(outcome: Outcome) -> tuple[Any, ...]:
    if isinstance(outcome, Failure):
        assert outcome.structure is not None
        return (outcome.id, str(outcome.error), outcome.model, len(outcome.structure))
    energies = None if outcome.energies is None else tuple(outcome.energies.tolist())
    dipole = None if outcome.dipole is None else tuple(outcome.dipole.tolist())
    return (outcome.id, len(outcome), outcome.energy, energies, dipole, outcome.models, outcome.warnings)


ALL: list[tuple[Any, ...]] = [
    ("a", 2, 3.0, (1.0, 2.0), (0.0, 1.0, 2.0), (MODEL,), ()),
    ("1", "bad one", "m@3", 1),
    ("c", 3, 12.0, (3.0, 4.0, 5.0), (6.0, 7.0, 8.0), (MODEL,), ("close", "big")),
]


def test_outcomes() -> None:
    """Each structure has its explanation or failure, iterated or by index, which names what has no id."""
    assert summary(ANSWERS) == ALL
    assert summary(ANSWERS[index] for index in (0, 1, 2)) == ALL
    assert summary([ANSWERS[-1]]) == ALL[-1:]
    with pytest.raises(IndexError):
        ANSWERS[3]


def test_flat() -> None:
    """Properties and contributions are those of all structures by head; which are answered is told."""
    assert ANSWERS.properties["energy"] is ENERGY.properties
    assert ANSWERS.contributions["charge"] is CHARGE.contributions
    assert ANSWERS.answered.tolist() == [True, False, True]
    assert repr(ANSWERS) == "<Explanations of 3 structures, 1 failed: energy, charge by m@3>"


@pytest.mark.parametrize("part", [slice(None), slice(1, 3), slice(2, 1), slice(None, None, -1)], ids=str)
def test_slices(part: slice) -> None:
    """A slice of the answers is the answers to the slice."""
    renamed = [ANSWERS[k] for k in range(*part.indices(3))]
    found = ANSWERS[part]
    assert [one[1:] for one in summary(found)] == [one[1:] for one in summary(renamed)]
    assert found.properties["energy"].shape == (len(renamed),)


def test_parts_make_the_whole() -> None:
    """Answers in parts, joined, are the answers; answers to nothing change nothing."""
    parts = [ANSWERS[:1], Explanations(Structures.of([])), ANSWERS[1:]]
    joined = Explanations.concatenate(parts)
    assert summary(joined) == ALL
    np.testing.assert_array_equal(joined.contributions["energy"], ENERGY.contributions)
    assert len(Explanations.concatenate([])) == 0


def test_of_several_models() -> None:
    """Answers of two versions are not joined, those of two providers are."""
    for other in (replace(MODEL, version=4), replace(MODEL, digest="cd")):
        with pytest.raises(InputError, match="`models` must be one version of one model"):
            Explanations.concatenate([ANSWERS, replace(ANSWERS, models=(other,))])
    cuda = replace(MODEL, provider="cuda")
    assert Explanations.concatenate([ANSWERS, replace(ANSWERS, models=(cuda,))]).models == (MODEL, cuda)
    with pytest.raises(InputError, match="`heads` must be the same in all parts"):
        Explanations.concatenate([ANSWERS, replace(ANSWERS, heads={"energy": ENERGY})])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"structures": BATCH[:2]}, r"`properties` must be \(structures,\), \(2,\), got \(3,\)"),
        ({"heads": {"gap": ENERGY}}, "`heads` must be by name, got `energy` as `gap`"),
        ({"failures": {3: FAILED}}, "`failures` must be of structures 0 to 2, got 3"),
        ({"warnings": {-1: ("x",)}}, "`warnings` must be of structures 0 to 2, got -1"),
    ],
    ids=["structures", "heads", "failures", "warnings"],
)
def test_bad_answers(changed: dict[str, Any], message: str) -> None:
    """Answers that are not of these structures are refused by name."""
    with pytest.raises(InputError, match=message):
        replace(ANSWERS, **changed)


def test_frozen() -> None:
    """Answers do not change."""
    with pytest.raises(FrozenInstanceError):
        ANSWERS.models = ()  # type: ignore[misc]
    with pytest.raises(TypeError):
        ANSWERS.failures[0] = FAILED  # type: ignore[index]
    one = ANSWERS[0]
    assert isinstance(one, Explanation)
    with pytest.raises(TypeError):
        one.heads["energy"] = one.heads["charge"]  # type: ignore[index]


def test_heads_of_one() -> None:
    """The heads of a structure are a mapping like any other, and each of them one object."""
    one = ANSWERS[0]
    assert isinstance(one, Explanation)
    assert list(one.heads) == ["energy", "charge"]
    assert len(one.heads) == 2
    assert ("energy" in one.heads, "gap" in one.heads) == (True, False)
    assert one.heads["energy"] is one.heads["energy"]
    assert one.heads.get("gap") is None
    assert one.properties == {"energy": 3.0, "charge": 0.1}
    assert "Head(name='energy'" in repr(one.heads)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies(copied: Callable[[Any], Any]) -> None:
    """Copies and pickles of all and of one say the same; that of one leaves the others behind."""
    other = copied(ANSWERS)
    assert [one[:2] for one in summary(other)] == [one[:2] for one in ALL]
    assert not any(head.properties.flags.writeable for head in other.heads.values())
    one = copied(ANSWERS[0])
    assert summary([one]) == ALL[:1]
    assert len(pickle.dumps(ANSWERS[0])) < len(pickle.dumps(ANSWERS))
