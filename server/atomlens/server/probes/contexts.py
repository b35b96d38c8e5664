"""Contexts: what probes feel of structures that were probed lately, bounded in bytes."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from threading import Lock

from atomlens.server.model import Context
from atomlens.server.probes.probe import Probe

Key = tuple[str, bytes]  # the model's digest, and one of provider and structure


class Contexts:
    """A cache of contexts by model and structure, of which the one asked for last goes last."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._kept: OrderedDict[Key, Context] = OrderedDict()
        self._lock = Lock()

    @property
    def bytes(self) -> int:
        """Memory that is in use."""
        return self._bytes

    def of(self, probe: Probe) -> Context | None:
        """Return the context of a probe's structure, computed if need be; None where the model has none."""
        key = _key(probe)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        context = probe.model.context(probe.work)
        if context is not None:
            self._keep(key, context)
        return context

    def forget(self, digest: str) -> None:
        """Let go of all contexts of a model that nobody can ask any more."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == digest]:
                self._bytes -= self._kept.pop(key).nbytes

    def _keep(self, key: Key, context: Context) -> None:
        with self._lock:
            if context.nbytes > self._max_bytes or key in self._kept:
                return
            self._kept[key] = context
            self._bytes += context.nbytes
            while self._bytes > self._max_bytes:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes


def _key(probe: Probe) -> Key:
    structure = probe.work.structures
    arrays = (structure.numbers, structure.positions, structure.cells, structure.pbc)
    parts = (probe.model.provider.encode(), *(array.tobytes() for array in arrays))
    return probe.model.digest, hashlib.sha256(b"".join(parts)).digest()
