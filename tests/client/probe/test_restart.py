"""Probes of a server in a process of its own: what it remembers, and what its death costs."""

from __future__ import annotations

import os

import numpy as np
import pytest

from atomlens.client import Client, Structure
from atomlens.client.backoff import BackoffSettings
from atomlens.client.probe import Grid
from atomlens.client.stream_settings import StreamSettings
from tests.served import Start

WATER = Structure([8, 1, 1], [[0.0, 0.0, 0.1], [0.0, 0.8, -0.5], [0.0, -0.8, -0.5]])
MODEL = "toy-bpnn-energy"
LIMIT_MIB = 200  # above idle, for a grid of a million points
PATIENT = StreamSettings(backoff=BackoffSettings(max_attempts=200, max_pause_seconds=0.2))


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")
def test_a_million_points_while_the_reader_sleeps(start: Start) -> None:
    """A grid of a million points of four probes costs the server little memory, read late or never."""
    server = start()
    grid = Grid(np.full(3, -5.0), np.eye(3) * 0.1, (100, 100, 100))
    with Client(server.address) as client:
        client.explain(WATER, MODEL)
        idle = server.memory_mib("VmRSS")
        with client.probe(WATER, ["H", "C", "N", "O"], MODEL, grid=grid) as stream:
            server.wait_until_quiet()
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
        start(address=server.address)
        slabs += stream
    assert [slab.index for slab in slabs] == list(range(stream.header.slabs))
    joined = np.concatenate([slab.values for slab in slabs], axis=1)
    assert joined.tobytes() == whole.values.tobytes()
    assert stream.trailer is not None
    assert stream.trailer.slabs < stream.header.slabs
