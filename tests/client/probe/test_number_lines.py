"""`atomlens.client.probe.number_lines`."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.client.probe.number_lines import number_lines


def test_nothing_is_lost(rng: np.random.Generator) -> None:
    """Any float32 is read back as it was, the largest, the smallest and zeros among them."""
    values = rng.integers(0, 2**32, 10_000, dtype=np.uint32).view(np.float32)
    limits = np.finfo(np.float32)
    special = np.array(
        [0.0, -0.0, limits.max, limits.min, limits.tiny, limits.smallest_subnormal], np.float32
    )
    values = np.concatenate([special, values[np.isfinite(values)]])
    found = np.array(number_lines(values, 6).split(), np.float64).astype(np.float32)
    np.testing.assert_array_equal(found.view(np.uint32), values.view(np.uint32))


@pytest.mark.parametrize(("count", "lengths"), [(0, []), (2, [2]), (6, [6]), (13, [6, 6, 1])])
def test_lines(count: int, lengths: list[int]) -> None:
    """Lines are full but for the last."""
    text = number_lines(np.ones(count, np.float32), 6)
    assert [len(line.split()) for line in text.splitlines()] == lengths
    assert text.endswith("\n") or not count
