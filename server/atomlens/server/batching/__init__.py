"""Batching: a queue of what all calls ask for, and the workers that compute it together."""

from __future__ import annotations

from atomlens.server.batching.batcher import Batcher, Waits
from atomlens.server.batching.jobs import Caller, Computed
from atomlens.server.batching.observer import Observer

__all__ = ["Batcher", "Caller", "Computed", "Observer", "Waits"]
