"""Flags that distances do not tell."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.client.report.flags import with_flags

from .conftest import WATER, surface_map


def test_flags_count() -> None:
    """They are what extrapolates, in numbers and ranges too; the first map keeps its own."""
    found = surface_map(WATER, 2.0).map
    flags = np.zeros(found.values.shape, np.bool_)
    flags[0] = found.values[0] > 2
    flagged = with_flags(found, flags)
    assert (flagged.flagged, found.flagged) == ((flags[0].sum(), 0), (0, 0))
    assert flagged.value_range("H").maximum <= 2 < found.value_range("H").maximum
    assert flagged.select("H").flagged == (flags[0].sum(),)
    flags[:] = True
    assert flagged.flagged[1] == 0


def test_a_flag_for_each_value() -> None:
    """Others are refused."""
    found = surface_map(WATER, 2.0).map
    with pytest.raises(ValueError, match="a flag for each value"):
        with_flags(found, np.zeros((1, 2), np.bool_))
