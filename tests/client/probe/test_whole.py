"""`atomlens.client.probe.whole`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from atomlens.client import InputError
from atomlens.client.probe.whole import whole


@pytest.mark.parametrize("value", [0, 7, np.int8(7), np.uint64(7), 2**31 - 1])
def test_whole_numbers(value: Any) -> None:
    """They are taken as Python has them, whatever they come as."""
    found = whole("count", value)
    assert (found, type(found)) == (value, int)


@pytest.mark.parametrize("value", [-1, 1.5, 1.0, True, np.True_, "1", None, 2**31, [1]])
def test_others(value: Any) -> None:
    """What counts nothing is refused by name, with the rule."""
    with pytest.raises(InputError) as caught:
        whole("count", value)
    assert str(caught.value) == f"`count` must be whole, from 0 to 2147483647, got {value!r}"
    assert caught.value.field == "count"


def test_a_rule_of_its_own() -> None:
    """The largest and what it is of may be other."""
    with pytest.raises(InputError, match="`atoms` must be atoms of the structure, from 0 to 2, got 3"):
        whole("atoms", 3, 2, "atoms of the structure")
