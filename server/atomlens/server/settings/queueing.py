"""How much work may wait, and how much is computed at once."""

from __future__ import annotations

from dataclasses import dataclass

from atomlens.server.cpus import available_cpus
from atomlens.server.limits import Limits
from atomlens.server.settings.setting import Concern, setting


@dataclass(frozen=True, kw_only=True)
class QueueingSettings(Concern):
    """The queue, its batches and what is refused. Cost is atoms + pairs within the cutoff."""

    workers: int = setting(0, "batches computed at once; 0 takes one for each core the process may use")
    batch_cost: int = setting(Limits().batch_cost, "cost at which a batch is closed")
    max_structure_cost: int = setting(Limits().max_structure_cost, "cost above which a structure is refused")
    max_queue_cost: int = setting(20_000_000, "cost that may wait; beyond it calls are refused")
    window_cost: int = setting(1_000_000, "unanswered cost of a stream above which the server stops reading")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_positive("batch_cost", "max_structure_cost", "max_queue_cost", "window_cost")
        self._check_not_negative("workers")

    @property
    def threads(self) -> int:
        """Batches computed at once."""
        return self.workers or available_cpus()
