"""Flags: which points of a map extrapolate, where the distances of the map do not tell."""

from __future__ import annotations

from dataclasses import replace

from atomlens.client.probe import ProbeMap
from atomlens.client.probe.closeness import Mask


def with_flags(found: ProbeMap, flags: Mask) -> ProbeMap:
    """Return a map of which these points extrapolate, whatever its distances say: of the values' shape."""
    if flags.shape != found.values.shape:
        raise ValueError(f"there is a flag for each value {found.values.shape}, not {flags.shape}")
    flagged, mask = replace(found), flags.copy()
    mask.setflags(write=False)
    flagged._extrapolating[:] = [mask]
    return flagged
