"""Logs that cannot be written: a full disk, a reader that left, a reader that reads no more."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from atomlens.client import Client
from atomlens.client.structure import Structure
from tests.served import COMMAND

MODEL = "toy-bpnn-energy"
WATER = Structure([8, 1, 1], [[0.0, 0.0, 0.12], [0.0, 0.76, -0.48], [0.0, -0.76, -0.48]])
CALLS = 600  # whose lines no pipe holds
START_SECONDS = 120


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class Silent:
    """A server whose log goes somewhere else, so that it is known by its ports alone."""

    def __init__(self, models: Path, log: int) -> None:
        self.address, self.metrics = (f"127.0.0.1:{free_port()}" for _ in range(2))
        flags = {
            "models": models,
            "address": self.address,
            "metrics-address": self.metrics,
            "workers": 1,
            "log-format": "json",
            "log-level": "debug",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "serve", *(f"--{name}={value}" for name, value in flags.items())],
            stderr=log,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        self._wait_until_ready(time.monotonic() + START_SECONDS)

    def _wait_until_ready(self, until: float) -> None:
        while True:
            try:
                if self.metric("atomlens_ready") == 1:
                    return
            except OSError:
                assert self.process.poll() is None, "the server ended"
            assert time.monotonic() < until, "the server is not ready"

    def metric(self, name: str) -> float:
        """Return the value of a metric without labels."""
        with urlopen(f"http://{self.metrics}/metrics", timeout=60) as page:
            text = page.read().decode()
        (value,) = re.findall(rf"^{name} (.*)$", text, re.MULTILINE)
        return float(value)

    def answered(self) -> int:
        """Ask for explanations one after the other, and return how many came."""
        with Client(self.address) as client:
            energies = [client.explain(WATER, MODEL).energy for _ in range(CALLS)]
        return len(energies) if len(set(energies)) == 1 else 0


@contextmanager
def silent(models: Path, log: int) -> Iterator[Silent]:
    """Run such a server while the block lasts; it leaves in good order."""
    server = Silent(models, log)
    try:
        yield server
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
    finally:
        server.process.kill()
        server.process.wait()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")
def test_a_full_disk_fails_no_call(toy_repository: Path) -> None:
    """Lines are lost and counted, all calls are answered, and the server leaves as it should."""
    log = os.open("/dev/full", os.O_WRONLY)
    with silent(toy_repository, log) as server:
        assert server.answered() == CALLS
        while server.metric("atomlens_log_lines_dropped_total") < CALLS:
            pass  # the lines of the last calls are about to be written
    os.close(log)


def test_a_log_whose_reader_left_fails_no_call(toy_repository: Path) -> None:
    """No signal ends the process."""
    reading, writing = os.pipe()
    os.close(reading)
    with silent(toy_repository, writing) as server:
        assert server.answered() == CALLS
        while server.metric("atomlens_log_lines_dropped_total") < CALLS:
            pass
    os.close(writing)


def test_a_log_that_nobody_reads_any_more_fails_no_call(toy_repository: Path) -> None:
    """What fits into the pipe can still be read, whole lines of JSON, and the server leaves all the same."""
    reading, writing = os.pipe()
    with silent(toy_repository, writing) as server:
        assert server.answered() == CALLS
    os.close(writing)
    os.set_blocking(reading, False)
    text = os.read(reading, 1 << 20)
    os.close(reading)
    whole = text[: text.rindex(b"\n")].splitlines()
    assert len(whole) > 1
    assert all(json.loads(line)["message"] for line in whole)
