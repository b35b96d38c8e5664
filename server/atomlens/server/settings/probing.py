"""What a probe may ask for, and how many are answered at once."""

from __future__ import annotations

from dataclasses import dataclass

from atomlens.server.limits import Limits
from atomlens.server.settings.setting import Concern, setting


@dataclass(frozen=True, kw_only=True)
class ProbingSettings(Concern):
    """Probes and their contexts."""

    max_probe_points: int = setting(Limits().max_probe_points, "points above which a probe is refused")
    max_probe_extent_angstrom: float = setting(
        Limits().max_probe_extent_angstrom, "length in Å along an axis above which a probe's grid is refused"
    )
    probe_streams: int = setting(8, "probes answered at once, each with 30 MiB of buffers at most")
    probe_patience_seconds: float = setting(
        600.0, "time without reading after which a probe is ended, to be taken up again by its client"
    )
    context_cache_mib: int = setting(64, "memory in MiB for what probes feel of structures probed lately")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_positive(
            "max_probe_points", "max_probe_extent_angstrom", "probe_streams", "probe_patience_seconds"
        )
        self._check_not_negative("context_cache_mib")
