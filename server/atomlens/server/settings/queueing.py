"""How much work may wait, and how much is computed at once."""

from __future__ import annotations

from dataclasses import dataclass

from atomlens.server.cpus import available_cpus
from atomlens.server.limits import Limits
from atomlens.server.settings.setting import Concern, setting

COSTS = (
    "batch_cost",
    "max_structure_cost",
    "max_queue_cost",
    "max_client_cost",
    "max_chunk_cost",
    "window_cost",
)


@dataclass(frozen=True, kw_only=True)
class QueueingSettings(Concern):
    """The queue, its batches and what is refused. Cost is atoms + pairs within the cutoff."""

    workers: int = setting(0, "batches computed at once; 0 takes one for each core the process may use")
    batch_cost: int = setting(Limits().batch_cost, "cost at which a batch is closed")
    max_structure_cost: int = setting(Limits().max_structure_cost, "cost above which a structure is refused")
    max_queue_cost: int = setting(20_000_000, "cost that may wait; beyond it calls are refused")
    max_client_cost: int = setting(
        10_000_000, "cost of one client that may wait; beyond it calls are refused"
    )
    max_chunk_cost: int = setting(10_000_000, "cost above which a chunk of a stream is refused")
    window_cost: int = setting(1_000_000, "unanswered cost of a stream above which the server stops reading")
    stream_patience_seconds: float = setting(
        600.0, "time without reading after which a stream is ended, to be taken up again by its client"
    )
    max_streams: int = setting(64, "streams, probes among them, that may be open at once")
    max_client_streams: int = setting(32, "streams, probes among them, that one client may have open")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_positive(*COSTS, "stream_patience_seconds", "max_streams", "max_client_streams")
        self._check_not_negative("workers")

    @property
    def threads(self) -> int:
        """Batches computed at once."""
        return self.workers or available_cpus()

    @property
    def max_bulk_cost(self) -> int:
        """Cost of bulk work that may wait: the rest of the queue is for interactive work."""
        return self.max_queue_cost * 3 // 4

    @property
    def max_client_bulk_cost(self) -> int:
        """Cost of one client's bulk work that may wait: its own does not shut out its interactive work."""
        return self.max_client_cost * 3 // 4
