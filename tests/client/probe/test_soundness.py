"""`atomlens.client.probe.soundness`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from atomlens.client import InputError

from .conftest import COUNTS, POINTS, fields_of, probe_map


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.zeros((1, *COUNTS))}, "`values` must be (2, 5, 6, 7), got (1, 5, 6, 7)"),
        ({"values": np.zeros((2, 210))}, "`values` must be (2, 5, 6, 7), got (2, 210)"),
        ({"where": POINTS}, "`values` must be (2, 4), got (2, 5, 6, 7)"),
        ({"where": POINTS[0]}, "`points` must be (points, 3), got (3,)"),
        ({"fields": ()}, "`fields` must be one or more, each once, got none"),
        (
            {"fields": fields_of("HH")},
            "`fields` must be one or more, each once, got H of energy, H of energy",
        ),
        ({"left_out": (1, 3)}, "`left_out` must be atoms of the structure, from 0 to 2, got 3"),
        ({"left_out": (True,)}, "`left_out` must be atoms of the structure, from 0 to 2, got True"),
        (
            {"closest": {"H": {"O": 1.0, "H": 1.0}, "C": {"O": 1.0}}},
            "`closest` must have a distance for each probe and element, got none for C and H",
        ),
        (
            {"closest": {"H": {"O": 1.0, "H": 1.0}}},
            "`closest` must have a distance for each probe and element, got none for C and H",
        ),
    ],
)
def test_what_does_not_belong_together(changes: dict[str, Any], message: str) -> None:
    """Fields, values, points and atoms that disagree are refused at once."""
    with pytest.raises(InputError) as caught:
        replace(probe_map(), **changes)
    assert str(caught.value) == message
    assert caught.value.field
