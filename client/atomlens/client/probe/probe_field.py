"""Probe field: one value at every point."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProbeField:
    """What one head says of a probe of one element."""

    head: str
    element: str  # symbol of the probe; of a difference such as ``H−C`` both
    unit: str
