"""`atomlens.export.network`."""

from __future__ import annotations

import math

import pytest

from atomlens.export.bpnn import BPNNSettings
from atomlens.export.network import check_sizes
from atomlens.export.schnet import SchNetSettings


@pytest.mark.parametrize("cutoff", [0.0, -1.0, 20.1, math.inf, math.nan])
def test_cutoffs_are_those_the_engine_takes(cutoff: float) -> None:
    """Above zero and at most 20 Å; both families check when their settings are made."""
    check_sizes(20.0, {})
    for make in (SchNetSettings, BPNNSettings):
        with pytest.raises(ValueError, match=r"`cutoff_angstrom` must be above 0 and at most 20 Å, got"):
            make((1,), cutoff)


@pytest.mark.parametrize("value", [1, -3, math.nan, math.inf])
def test_sizes_have_a_least(value: float) -> None:
    """The size is named with what it may be and what came."""
    check_sizes(5.0, {"gaussians": (2, 2)})
    with pytest.raises(ValueError, match=f"`gaussians` must be 2 at least, got {value:g}"):
        check_sizes(5.0, {"gaussians": (value, 2)})
