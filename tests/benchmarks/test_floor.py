"""What the machine can do."""

from __future__ import annotations

from benchmarks.floor import floor


def test_floor() -> None:
    """Products and copies have a rate."""
    found = floor("cpu")
    assert set(found) == {"gemm_gflops", "copy_gb_per_second"}
    assert all(0 < rate < 1e6 for rate in found.values())
