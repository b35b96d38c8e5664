"""Served: a server in a process that looks, many times a second, at what its threads are doing."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from atomlens.client.testing import serve

INTERVAL_SECONDS = 0.004
# Innermost functions of threads that wait for something to do.
IDLE = frozenset(
    {
        *("threading.py:wait", "threading.py:_wait_for_tstate_lock", "selectors.py:select", "queue.py:get"),
        *(
            "thread.py:_worker",
            "threading.py:join",
            "threading.py:acquire",
            "worker.py:work",
            "socket.py:accept",
        ),
        *(
            "_base.py:result",
            "threading.py:run",  # a thread of compiled code, which cannot be looked into
        ),
    }
)


class Served:
    """A server and a watch over its threads."""

    def __init__(self, provider: str, models: str) -> None:
        self._stack = ExitStack()
        self._server = self._stack.enter_context(serve(models, provider=provider))
        self._watch: _Watch | None = None

    def address(self) -> str:
        """Return where it listens."""
        return self._server.address

    def begin(self) -> None:
        """Begin to look."""
        self._watch = _Watch()
        self._watch.start()

    def end(self, most: int) -> dict[str, object]:
        """Return the functions that were seen at work most often, with their shares of all busy looks."""
        assert self._watch is not None
        return self._watch.end(most)

    def close(self) -> None:
        """Stop the server."""
        self._stack.close()


make = Served


class _Watch(threading.Thread):
    """Counts the innermost functions of all other threads, those of waiting threads apart."""

    def __init__(self) -> None:
        super().__init__(name="watch", daemon=True)
        self._seen: Counter[str] = Counter()
        self._looks = 0
        self._done = threading.Event()

    def run(self) -> None:
        """Look until told to end."""
        own = threading.get_ident()
        while not self._done.wait(INTERVAL_SECONDS):
            self._looks += 1
            frames = sys._current_frames()
            self._seen.update(
                name for ident, frame in frames.items() if ident != own and (name := _name(frame)) is not None
            )

    def end(self, most: int) -> dict[str, object]:
        """Stop looking and return what was seen."""
        self._done.set()
        self.join()
        busy = max(sum(self._seen.values()), 1)
        functions = [{"function": name, "share": many / busy} for name, many in self._seen.most_common(most)]
        return {"looks": self._looks, "busy_threads": busy / max(self._looks, 1), "functions": functions}


def _name(frame: FrameType) -> str | None:
    """Return FILE:FUNCTION of a frame, None for one that waits."""
    code = frame.f_code
    name = f"{Path(code.co_filename).name}:{code.co_name}"
    return None if name in IDLE else f"{_module(code.co_filename)}:{code.co_name}"


def _module(path: str) -> str:
    """Return a file's path from the package on."""
    parts = Path(path).with_suffix("").parts
    for package in ("atomlens", "onnxruntime", "numpy", "grpc", "google", "asyncio", "concurrent"):
        if package in parts:
            return ".".join(parts[len(parts) - 1 - parts[::-1].index(package) :])
    return parts[-1]
