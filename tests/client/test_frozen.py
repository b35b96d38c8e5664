"""`atomlens.client.frozen`."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from atomlens.client.frozen import Frozen, FrozenMapping
from atomlens.client.structure import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Numbers(Frozen):
    """Values with a name, and others that may be missing."""

    name: str
    values: Floats
    others: Floats | None = None


COPIES: dict[str, Callable[[Numbers], Numbers]] = {
    "itself": lambda one: one,
    "copy": copy.copy,
    "deep copy": copy.deepcopy,
    "pickle": lambda one: pickle.loads(pickle.dumps(one)),
}


@pytest.mark.parametrize("name", COPIES)
def test_arrays_cannot_be_written_to(name: str) -> None:
    """Neither in the original nor in any copy, whose values are the same."""
    given = np.arange(3.0)
    found = COPIES[name](Numbers("n", given))
    with pytest.raises(ValueError, match="read-only"):
        found.values[0] = 9.0
    assert (found.name, found.values.tolist(), found.others) == ("n", [0.0, 1.0, 2.0], None)


def test_whoever_made_an_array_may_write_to_it() -> None:
    """Only the view that is shown is protected, and nothing is copied."""
    given = np.arange(3.0)
    found = Numbers("n", given)
    given[0] = 9.0
    assert found.values[0] == 9.0


def test_there_is_no_room_for_more() -> None:
    """The base does not take the slots away from those that are made of it."""
    assert not hasattr(Numbers("n", np.ones(1)), "__dict__")


@dataclass(frozen=True, slots=True, eq=False)
class Remembering(Frozen):
    """A value with a place for what is known of it later."""

    values: Floats
    total: float | None = field(default=None, init=False)


def test_what_is_no_argument_is_not_copied() -> None:
    """Copies go through the constructor, with what it takes."""
    found = pickle.loads(pickle.dumps(Remembering(np.ones(2))))
    assert (found.values.tolist(), found.total) == ([1.0, 1.0], None)


def test_mappings() -> None:
    """A mapping is a copy, in its order, that can be pickled and not be changed."""
    given = {"b": 1, "a": 2}
    found: FrozenMapping[str, int] = FrozenMapping(given)
    given["c"] = 3
    assert dict(pickle.loads(pickle.dumps(found))) == {"b": 1, "a": 2}
    assert (list(found), len(found), repr(found)) == (["b", "a"], 2, "{'b': 1, 'a': 2}")
    assert not hasattr(found, "__setitem__")
