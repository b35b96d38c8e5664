"""`atomlens.server.cpus`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from atomlens.server.cpus import available_cpus


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 1),
        ("20000 100000", 1),
        ("3200000 100000", 8),
        ("", 8),
        ("nonsense", 8),
        ("a b", 8),
    ],
)
def test_the_quota_of_the_container_counts(tmp_path: Path, quota: str, cpus: int) -> None:
    """Whole cores of it, one at least, and never more than there are."""
    path = tmp_path / "cpu.max"
    path.write_text(quota)
    assert available_cpus(path) == cpus


def test_without_control_groups_all_cores_count(tmp_path: Path) -> None:
    """Those that the process may run on."""
    assert available_cpus(tmp_path / "missing") == 8
