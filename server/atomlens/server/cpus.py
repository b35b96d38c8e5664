"""CPUs: how many this process may use, its container's quota included."""

from __future__ import annotations

import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # control groups v2: "max 100000" or "200000 100000"


def available_cpus(quota: Path = QUOTA) -> int:
    """Return the number of cores that this process can keep busy, at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        allowed, period = quota.read_text().split()
        return max(min(cores, int(allowed) // int(period)), 1)
    except (OSError, ValueError):  # no control group, or "max"
        return cores
