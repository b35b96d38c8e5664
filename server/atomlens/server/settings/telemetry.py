"""What the server tells of itself, and where."""

from __future__ import annotations

from dataclasses import dataclass

from atomlens.server.settings.setting import Concern


@dataclass(frozen=True, kw_only=True)
class TelemetrySettings(Concern):
    """Metrics, traces and logs."""

    def __post_init__(self) -> None:
        super().__post_init__()
