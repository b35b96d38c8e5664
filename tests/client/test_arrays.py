"""`atomlens.client.arrays`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from atomlens.client import InputError
from atomlens.client.arrays import finite, floats


def test_a_copy_that_cannot_be_written_to() -> None:
    """Numbers are copied into float64, and whoever gave them may go on with theirs."""
    given = np.ones(3, np.float32)
    found = floats("origin", given)
    given[0] = 2
    assert found.tolist() == [1, 1, 1]
    assert found.dtype == np.float64
    assert not found.flags.writeable


@pytest.mark.parametrize(
    ("value", "message", "reason"),
    [
        ([[1, 2, 3], [4]], "`points` must be rows of one length", "WRONG_SHAPE"),
        ([["a", "b", "c"]], "`points` must be numbers, got <U1", "WRONG_TYPE"),
        ([1, 2, 3], "`points` must be (points, 3), got (3,)", "WRONG_SHAPE"),
        ([[1, 2]], "`points` must be (points, 3), got (1, 2)", "WRONG_SHAPE"),
        ([[1, 2, np.nan]], "`points` must be finite, got nan", "NOT_FINITE"),
        ([[1, 2, 3], [-np.inf, np.nan, 0]], "`points` must be finite, got -inf", "NOT_FINITE"),
    ],
    ids=["ragged", "text", "one row", "narrow", "nan", "infinite"],
)
def test_what_breaks_a_rule(value: Any, message: str, reason: str) -> None:
    """The error names the argument, the rule and what came."""
    with pytest.raises(InputError) as caught:
        finite("points", value, "(points, 3)", (None, 3))
    assert (str(caught.value), caught.value.reason, caught.value.field) == (message, reason, "points")


def test_any_number_of_rows() -> None:
    """A length may be left open, and none is a number too."""
    assert finite("points", np.zeros((0, 3)), "(points, 3)", (None, 3)).shape == (0, 3)
    assert finite("points", [[1, 2, 3]] * 5, "(points, 3)", (None, 3)).shape == (5, 3)
