"""Volumes of three vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from atomlens.client.volume import spans_volume


@pytest.mark.parametrize(
    ("vectors", "spans"),
    [
        (np.eye(3), True),
        (-1e-8 * np.eye(3), True),
        (np.diag([1e-3, 1.0, 1e4]), True),
        ([[1, 0, 0], [1, 1e-5, 0], [0, 0, 1]], True),
        ([[1, 0, 0], [1, 1e-7, 0], [0, 0, 1]], False),
        (np.ones((3, 3)), False),
        (np.zeros((3, 3)), False),
        (1e200 * np.eye(3), False),
        (np.full((3, 3), 1e300), False),
    ],
)
def test_volumes(vectors: Any, spans: bool) -> None:
    """What counts is the volume beside the lengths; what no number holds is none, without a warning."""
    assert spans_volume(np.asarray(vectors, np.float64)) is spans
