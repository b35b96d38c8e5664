"""Which models are served, and what runs them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from atomlens.server.session import Provider
from atomlens.server.settings.setting import Concern, setting


@dataclass(frozen=True, kw_only=True)
class ModelsSettings(Concern):
    """The repository and the provider."""

    models: Path | None = setting(
        None, "directory of models, MODEL/VERSION; the bundled ones if not given", Path, "DIR"
    )
    provider: str = setting(
        "cpu",
        "cpu, cuda or cuda-tf32; a provider that is not to be had is an error",
        metavar="cpu|cuda|cuda-tf32",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.provider not in get_args(Provider):
            raise ValueError(f"`provider` must be {' or '.join(get_args(Provider))}, got {self.provider!r}")
