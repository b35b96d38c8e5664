"""Probes of a server in a process of its own: what it remembers, and what its death costs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from atomlens.client import Client, Structure
from atomlens.client.backoff import BackoffSettings
from atomlens.client.probe import Grid
from atomlens.client.stream_settings import StreamSettings

WATER = Structure([8, 1, 1], [[0.0, 0.0, 0.1], [0.0, 0.8, -0.5], [0.0, -0.8, -0.5]])
MODEL = "toy-bpnn-energy"
LIMIT_MIB = 200  # above idle, for a grid of a million points
PATIENT = StreamSettings(backoff=BackoffSettings(max_attempts=200, max_pause_seconds=0.2))
Start = Callable[..., "Served"]


class Served:
    """A server in its own process."""

    def __init__(self, models: Path, address: str) -> None:
        command = "from atomlens.client.cli import main; raise SystemExit(main())"
        arguments = ["serve", "--address", address, "--models", str(models), "--workers", "1"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", command, *arguments], stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r" on (127\.0\.0\.1:\d+) ", line):
                self.address = found[1]
                return
        raise AssertionError("the server did not start")

    def memory_mib(self, which: str) -> float:
        """Return what the system says of the process: VmRSS for now, VmHWM for the most so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{which}:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    def busy_ticks(self) -> int:
        """Return the processor time that the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def kill(self) -> None:
        """End the process without a chance to say anything."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def start(toy_repository: Path) -> Iterator[Start]:
    """What starts servers, which are gone when the test ends."""
    servers: list[Served] = []

    def begin(address: str = "127.0.0.1:0") -> Served:
        servers.append(Served(toy_repository, address))
        return servers[-1]

    yield begin
    for server in servers:
        server.kill()
        if server.process.stderr is not None:
            server.process.stderr.close()


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")
def test_a_million_points_while_the_reader_sleeps(start: Start) -> None:
    """A grid of a million points of four probes costs the server little memory, read late or never."""
    server = start()
    grid = Grid(np.full(3, -5.0), np.eye(3) * 0.1, (100, 100, 100))
    with Client(server.address) as client:
        client.explain(WATER, MODEL)
        idle = server.memory_mib("VmRSS")
        with client.probe(WATER, ["H", "C", "N", "O"], MODEL, grid=grid) as stream:
            _wait_until_quiet(server)
            asleep = server.memory_mib("VmHWM") - idle
            values = stream.collect(progress=False).values
    assert values.shape == (4, 100, 100, 100)
    assert asleep < LIMIT_MIB
    assert server.memory_mib("VmHWM") - idle < LIMIT_MIB


def test_a_killed_server_loses_no_slab(start: Start) -> None:
    """Slabs that a server died over come from the next one at its address, each once and the same."""
    server = start()
    grid = Grid(np.full(3, -5.0), np.eye(3) * 0.1, (100, 100, 100))
    with Client(server.address, streaming=PATIENT) as client:
        whole = client.probe(WATER, "H", MODEL, grid=grid, slab_points=16384).collect(progress=False)
        stream = client.probe(WATER, "H", MODEL, grid=grid, slab_points=16384)
        slabs = [next(stream), next(stream)]
        server.kill()
        start(server.address)
        slabs += stream
    assert [slab.index for slab in slabs] == list(range(stream.header.slabs))
    joined = np.concatenate([slab.values for slab in slabs], axis=1)
    assert joined.tobytes() == whole.values.tobytes()
    assert stream.trailer is not None
    assert stream.trailer.slabs < stream.header.slabs


def _wait_until_quiet(server: Served) -> None:
    """Wait until the server has nothing to do."""
    quiet, before = 0, -1
    while quiet < 10:
        now = server.busy_ticks()
        quiet, before = (quiet + 1 if now == before else 0), now
        time.sleep(0.05)
