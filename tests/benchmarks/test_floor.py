"""What the machine can do."""

from __future__ import annotations

import pytest

from benchmarks import floor


def test_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products and copies have a rate."""
    monkeypatch.setattr(floor, "COPIED_BYTES", 2**20)
    found = floor.floor("cpu")
    assert set(found) == {"gemm_gflops", "copy_gb_per_second"}
    assert all(0 < rate < 1e6 for rate in found.values())
