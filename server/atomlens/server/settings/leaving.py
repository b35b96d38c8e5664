"""How the server leaves when it is told to."""

from __future__ import annotations

from dataclasses import dataclass

from atomlens.server.settings.setting import Concern, setting


@dataclass(frozen=True, kw_only=True)
class LeavingSettings(Concern):
    """Stages after SIGTERM."""

    grace_seconds: float = setting(30.0, "time that accepted work has to finish after SIGTERM")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_not_negative("grace_seconds")
