"""Maps with fewer points."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.client.probe import Grid
from atomlens.client.report import thinning
from atomlens.client.report.thinning import thinned

from .conftest import WATER, probe_map

GRID = Grid([-3.0, -3.2, -3.1], np.diag([0.5, 0.55, 0.6]), (13, 12, 11))


def test_small_maps() -> None:
    """They stay as they are, and nothing is said."""
    found = probe_map(WATER, GRID)
    fewer, step, said = thinned(found)
    np.testing.assert_array_equal(fewer.values, found.values)
    assert (repr(fewer.grid), step, said) == (repr(GRID), 1, "")


@pytest.mark.parametrize(("most", "step"), [(2000, 2), (300, 3), (100, 4)])
def test_large_grids(most: int, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second point along each axis is left, or fewer, and values stay where they were."""
    monkeypatch.setattr(thinning, "MAP_VALUES", most)
    found = probe_map(WATER, GRID)
    fewer, found_step, said = thinned(found)
    assert fewer.values.size <= most
    assert (found_step, said) == (
        step,
        f"The page has one in {step} of the points along each axis; a file has all.",
    )
    np.testing.assert_allclose(fewer.values[0].ravel(), fewer.points()[:, 2], atol=1e-6)


def test_long_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a list some are left."""
    monkeypatch.setattr(thinning, "MAP_VALUES", 1000)
    fewer, step, said = thinned(probe_map(WATER, GRID.points()))
    assert fewer.values.size <= 1000
    assert said == f"The page has one in {step} of the points; a file has all."
    np.testing.assert_allclose(fewer.values[0], fewer.points()[:, 2], atol=1e-6)
