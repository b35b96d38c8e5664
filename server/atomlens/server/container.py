"""Container: what memory its control group allows this process."""

from __future__ import annotations

from pathlib import Path

# Control groups v2, and v1, which writes a number near 2^63 where there is no limit.
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
UNLIMITED = 2**60


def memory_limit(files: tuple[Path, ...] = LIMITS) -> int | None:
    """Return the bytes that the process may use; None where nothing but the machine limits it."""
    for file in files:
        try:
            limit = int(file.read_text())
        except (OSError, ValueError):  # no such control group, or "max"
            continue
        if limit < UNLIMITED:
            return limit
    return None
