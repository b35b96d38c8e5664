"""Stream settings: how much a stream sends at once and how much may be under way."""

from __future__ import annotations

from dataclasses import dataclass, field

from atomlens.client.backoff import BackoffSettings


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Sizes of chunks and window, and what happens when the server goes away."""

    chunk_atoms: int = 16384  # a message is sent when it has so many
    chunk_seconds: float = 0.1  # or when its first structure is so old and the next one comes
    window_atoms: int = 262144  # atoms taken from the iterable whose answers have not been given out
    backoff: BackoffSettings = field(default_factory=BackoffSettings)

    def __post_init__(self) -> None:
        for name in ("chunk_atoms", "window_atoms"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1, got {getattr(self, name)}")
