"""Arena: the memory that the runtime's sessions of one process take turns with.

Each session would keep an arena of its own, as large as its largest batch so far, also while others run.
"""

from __future__ import annotations

import onnxruntime as ort

CPU = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)


class Arena:
    """What the sessions share that are opened from now on. The runtime has one for the whole process."""

    def __init__(self) -> None:
        self._limit_mib: int | None = None  # of the one that the runtime has made

    def limit(self, limit_mib: int) -> None:
        """Have it hold so many MiB at most; 0 for as many as there are.

        The runtime forgets the limit when a graph is loaded while all of it is used.
        """
        if limit_mib != self._limit_mib:
            bound = {"max_mem": limit_mib * 2**20} if limit_mib else {}
            ort.create_and_register_allocator(CPU, ort.OrtArenaCfg(bound))
            self._limit_mib = limit_mib

    def share(self, options: ort.SessionOptions) -> None:
        """Have a session on the CPU use it."""
        self.limit(self._limit_mib or 0)
        options.add_session_config_entry("session.use_env_allocators", "1")
        # Weights would count too, and are not what a batch needs.
        options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")

    @property
    def cuda(self) -> dict[str, int]:
        """What tells a session on a GPU, which has memory of its own there, the same limit."""
        return {"gpu_mem_limit": self._limit_mib * 2**20} if self._limit_mib else {}


ARENA = Arena()
