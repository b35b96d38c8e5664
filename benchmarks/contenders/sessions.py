"""Sessions: a graph in ONNX Runtime on batches that are ready, with nothing around it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime as ort

from benchmarks.feeds import Feed, load_feeds
from benchmarks.worker import repeat

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class Sessions:
    """Single-threaded sessions, one for each thread that runs them."""

    def __init__(self, graph: str, feeds: str, provider: str, head: str, sessions: int = 1) -> None:
        self._feeds, self._head = load_feeds(feeds), head
        self._sessions = [open_session(Path(graph).read_bytes(), provider) for _ in range(sessions)]
        self._pool = ThreadPoolExecutor(sessions)

    def measure(self, seconds: float, sessions: int) -> Mapping[str, float]:
        """Run all batches over and over in so many sessions at once."""

        def run(index: int) -> Mapping[str, float]:
            feeds = islice(cycle(self._feeds), index * len(self._feeds) // sessions, None)
            return repeat(lambda: self._run(index, next(feeds)), seconds)

        ran = list(self._pool.map(run, range(sessions)))
        done = sum(one["structures"] for one in ran)
        return {"structures": done, "seconds": max(one["seconds"] for one in ran)}

    def contributions(self, feed: int) -> list[float]:
        """Return what the graph says of the atoms of one batch, row after row."""
        outputs = self._sessions[0].run([self._head], self._feeds[feed].inputs)
        return [float(value) for value in np.ravel(outputs[0])]

    def median_ms(self, calls: int) -> float:
        """Return the median time of a run of the first batch."""
        times = []
        for _ in range(calls):
            begun = time.perf_counter()
            self._run(0, self._feeds[0])
            times.append(time.perf_counter() - begun)
        return 1e3 * median(times)

    def _run(self, index: int, feed: Feed) -> int:
        self._sessions[index].run([self._head], feed.inputs)
        return feed.structures


make = Sessions


def open_session(graph: bytes, provider: str, profile: str = "") -> Any:
    """Return a session of one thread; ``profile`` is a prefix of files for the time of each operator."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if profile:
        options.enable_profiling, options.profile_file_prefix = True, profile
    if provider == "cuda":
        ort.preload_dlls()
    session = ort.InferenceSession(graph, options, providers=[PROVIDERS[provider]])
    if PROVIDERS[provider] not in session.get_providers():
        raise RuntimeError(f"the runtime did not grant {provider}")
    return session
