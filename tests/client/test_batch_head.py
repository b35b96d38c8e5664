"""What one head says about every structure of a batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from atomlens.client import BatchHead, InputError

ENERGY = BatchHead(
    "energy",
    "sum",
    "eV",
    "eV",
    np.array([3.0, 7.0]),
    np.array([1.0, 2.0, 7.0]),
    model=np.array([0.5, 1.0, 6.0]),
    offset=np.array([0.5, 1.0, 1.0]),
)
CHARGE = BatchHead(
    "charge",
    "dipole",
    "e",
    "e·Å",
    np.array([0.1, 0.2]),
    np.array([0.5, -0.5, 0.0]),
    raw=np.array([0.6, -0.4, 0.1]),
    vectors=np.arange(6.0).reshape(2, 3),
    origins=-np.arange(6.0).reshape(2, 3),
)


def test_one() -> None:
    """A structure gets its property, its vectors and the slice that its atoms own."""
    energy, charge = ENERGY.one(0, slice(0, 2)), CHARGE.one(1, slice(2, 3))
    assert (energy.name, energy.aggregation, energy.unit, energy.property_unit) == (
        "energy",
        "sum",
        "eV",
        "eV",
    )
    assert (energy.value, energy.contributions.tolist()) == (3.0, [1.0, 2.0])
    assert energy.model is not None
    assert energy.offset is not None
    assert (energy.model.tolist(), energy.offset.tolist()) == ([0.5, 1.0], [0.5, 1.0])
    assert (energy.raw, energy.vector, energy.origin) == (None, None, None)
    assert charge.raw is not None
    assert charge.vector is not None
    assert charge.origin is not None
    assert (charge.value, charge.raw.tolist()) == (0.2, [0.1])
    assert (charge.vector.tolist(), charge.origin.tolist()) == ([3.0, 4.0, 5.0], [-3.0, -4.0, -5.0])


@pytest.mark.parametrize("head", [ENERGY, CHARGE], ids=["energy", "charge"])
def test_parts_make_the_whole(head: BatchHead) -> None:
    """A head cut in two and joined is the head."""
    parts = [head.part(slice(0, 1), slice(0, 2)), head.part(np.array([1]), np.array([2]))]
    joined = BatchHead.concatenate(parts)
    joined.check(2, 3)
    for name in BatchHead.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(joined, name), getattr(head, name))


def test_of_several_heads() -> None:
    """Parts of heads that differ are no head."""
    for other in (CHARGE, replace(ENERGY, unit="Ha")):
        with pytest.raises(InputError, match="`heads` must be the same in all parts"):
            BatchHead.concatenate([ENERGY, other])
    with pytest.raises(InputError, match="`offset` must be in all parts or in none"):
        BatchHead.concatenate([ENERGY, replace(ENERGY, offset=None)])


@pytest.mark.parametrize(
    ("head", "changed", "message"),
    [
        (ENERGY, {"properties": np.zeros(3)}, "`properties` must be (structures,), (2,), got (3,)"),
        (ENERGY, {"contributions": np.zeros(2)}, "`contributions` must be (atoms,), (3,), got (2,)"),
        (ENERGY, {"offset": np.zeros((3, 1))}, "`offset` must be (atoms,), (3,), got (3, 1)"),
        (CHARGE, {"vectors": np.zeros(6)}, "`vectors` must be (structures, 3), (2, 3), got (6,)"),
    ],
    ids=["properties", "contributions", "offset", "vectors"],
)
def test_check(head: BatchHead, changed: dict[str, Any], message: str) -> None:
    """Arrays of other shapes are refused by name."""
    head.check(2, 3)
    with pytest.raises(InputError) as caught:
        replace(head, **changed).check(2, 3)
    assert str(caught.value) == message


def test_frozen() -> None:
    """Arrays cannot be written to, and whoever made them keeps theirs."""
    given = np.zeros(1)
    head = BatchHead("gap", "mean", "eV", "eV", given, given)
    with pytest.raises(ValueError, match="read-only"):
        head.properties[0] = 1.0
    assert given.flags.writeable
