"""What is to be reached."""

from __future__ import annotations

import pytest

from benchmarks.ratios import RATIOS


@pytest.mark.parametrize("ratio", RATIOS, ids=[one.key for one in RATIOS])
def test_the_north_star_is_beyond_the_target(ratio: object) -> None:
    """What reaches the north star has reached the target, and nothing else is taken for it."""
    one = next(known for known in RATIOS if known is ratio)
    assert one.reached(one.north_star, one.target)
    assert not one.reached(one.target, one.north_star)
    assert one.reached(one.target, one.target)
    assert not one.reached(None, one.target)
