"""Which models are served, and what runs them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from atomlens.server.bundle import MAX_GRAPH_MIB
from atomlens.server.container import memory_limit
from atomlens.server.session import Provider
from atomlens.server.settings.setting import Concern, setting

MOST_MIB = 2047  # of a graph: beyond it none can be read
OTHERS_MIB = 640  # for the process, messages, neighbor tables and probes
LEAST_MIB = 64  # for models, however little there is


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
    runtime_memory_mib: int = setting(
        0,
        "memory in MiB that models may compute in, beyond which batches are halved; "
        "0 takes what a container may use but for a quarter or 640 MiB, and all there is elsewhere",
    )
    models_poll_seconds: float = setting(
        10.0, "seconds between looks for new versions; 0 looks only when asked to"
    )
    max_model_versions: int = setting(
        8, "versions of each model, the highest, that are loaded; 0 loads all there are"
    )
    max_graph_mib: int = setting(MAX_GRAPH_MIB, "size in MiB above which a file of a model is refused")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_not_negative("models_poll_seconds", "max_model_versions", "runtime_memory_mib")
        self._check_positive("max_graph_mib")
        if self.max_graph_mib > MOST_MIB:
            raise ValueError(f"`max_graph_mib` must be at most {MOST_MIB}, got {self.max_graph_mib}")
        if self.provider not in get_args(Provider):
            raise ValueError(f"`provider` must be {' or '.join(get_args(Provider))}, got {self.provider!r}")

    @property
    def runtime_limit_mib(self) -> int:
        """Memory in MiB that models may compute in, 0 for all there is.

        A container that takes more than it may use is killed: some of it is for all that is not the models'.
        """
        limit = memory_limit()
        # Of a GPU's memory the container knows nothing.
        if self.runtime_memory_mib or limit is None or self.provider != "cpu":
            return self.runtime_memory_mib
        limit_mib = limit // 2**20
        return max(limit_mib - max(limit_mib // 4, OTHERS_MIB), LEAST_MIB)
