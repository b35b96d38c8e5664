"""A server in a process of its own, for tests of what processes do to each other."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

COMMAND = "from atomlens.client.cli import main; raise SystemExit(main())"
START_SECONDS = 120
Start = Callable[..., "Served"]


class Served:
    """A server that is ready. Settings are flags, as in ``workers=1``."""

    def __init__(
        self,
        models: Path | None,
        address: str = "127.0.0.1:0",
        environment: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        given = {"address": address, "models": models, "workers": 1} | settings
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value is not None]
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "serve", *flags],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | dict(environment or {}),
        )
        self.lines: list[str] = []  # that it logged
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._ready.wait(START_SECONDS), "the server did not start: " + "".join(self.lines)

    def _read(self) -> None:
        """Read the log to its end: a server whose log nobody reads would have none."""
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self.lines.append(line)
                if found := re.search(r"serving .* on (127\.0\.0\.1:\d+) ", line):
                    self.address = found[1]
                    self._ready.set()
        self._ready.set()

    def memory_mib(self, which: str = "VmRSS") -> float:
        """Return what the system says of the process: VmRSS for now, VmHWM for the most so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{which}:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    def open_files(self) -> int:
        """Return how many files and sockets the process has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def wait_until_quiet(self) -> None:
        """Wait until the process has nothing to do."""
        quiet, before = 0, -1
        while quiet < 10:
            now = self._busy_ticks()
            quiet, before = (quiet + 1 if now == before else 0), now
            time.sleep(0.05)

    def _busy_ticks(self) -> int:
        """Return the processor time that the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def terminate(self, seconds: float = 60) -> int:
        """Have the process leave in good order, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """End the process without a chance to say anything."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
