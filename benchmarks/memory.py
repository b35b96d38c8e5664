"""Memory: what a process holds now and held at most, as Linux counts it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple


class Memory(NamedTuple):
    """Resident memory in MiB."""

    now_mib: float
    peak_mib: float


def memory(pid: int) -> Memory:
    """Return the resident memory of a process, NaN where /proc does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return Memory(float("nan"), float("nan"))
    fields = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", status, re.MULTILINE))
    return Memory(*(int(fields[name]) / 1024 for name in ("VmRSS", "VmHWM")))


def forget_peak(pid: int) -> bool:
    """Let the peak of a process count from now on; return whether the system allows it."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
