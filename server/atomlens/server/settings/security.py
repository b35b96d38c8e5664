"""Who may ask, and how what is said is kept from others."""

from __future__ import annotations

from dataclasses import dataclass

from atomlens.server.settings.setting import Concern


@dataclass(frozen=True, kw_only=True)
class SecuritySettings(Concern):
    """Certificates and tokens."""

    def __post_init__(self) -> None:
        super().__post_init__()
