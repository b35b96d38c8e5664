"""Machine: what everything ran on, and with which versions."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("atomlens", "onnxruntime", "onnxruntime-gpu", "torch", "grpcio", "protobuf", "numpy")
NOTABLE = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "asimd", "sve")


def describe() -> dict[str, Any]:
    """Return the processor, its flags of note, cores, memory and system."""
    info = _read("/proc/cpuinfo")
    flags = set(_first(r"^(?:flags|Features)\s*:\s*(.*)$", info).split())
    kib = _first(r"^MemTotal:\s*(\d+) kB$", _read("/proc/meminfo"))
    return {
        "processor": _first(r"^model name\s*:\s*(.*)$", info) or platform.processor() or platform.machine(),
        "flags": [flag for flag in NOTABLE if flag in flags],
        "cores": os.cpu_count(),
        "memory_gib": round(int(kib) / 2**20, 1) if kib else None,
        "system": platform.system(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Return the versions of the packages that matter."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def pin(cores: int) -> list[int]:
    """Keep this process and all that it starts on the first so many cores; return which they are."""
    if not hasattr(os, "sched_setaffinity"):
        return []
    chosen = sorted(os.sched_getaffinity(0))[:cores]
    os.sched_setaffinity(0, chosen)
    return chosen


def _first(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    return match[1].strip() if match else ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
