"""What a process holds."""

from __future__ import annotations

import math
import os

from benchmarks.memory import cpu_seconds, memory


def test_this_process() -> None:
    """The peak is at least what is held now, and time was used."""
    found = memory(os.getpid())
    assert 0 < found.now_mib <= found.peak_mib
    assert cpu_seconds(os.getpid()) > 0


def test_no_such_process() -> None:
    """A process that is gone holds nothing that is known."""
    assert math.isnan(memory(2**22 + 1).peak_mib)
