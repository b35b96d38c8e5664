"""A clock that jumps."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.load import loaded
from tests.served import Start

Record = Callable[[str, object], None]
CLOCK = Path(__file__).with_name("jumping_clock.c")
DAY = 86_400


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("cc"), reason="the clock is preloaded")
def test_a_clock_that_jumps_hurries_and_delays_nobody(
    start: Start, record_property: Record, tmp_path: Path
) -> None:
    """Deadlines, patience and backoff are counted in time that passes, not read off the wall."""
    library, offset = tmp_path / "clock.so", tmp_path / "offset"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, CLOCK, "-ldl"], check=True)
    offset.write_bytes(struct.pack("l", 0))
    environment = {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(offset)}
    server = start(environment=environment, max_connection_age_seconds=5.0)
    with loaded(server.address, record_property, timeout_seconds=30.0) as load:
        for jump in (DAY, -DAY, 365 * DAY):
            with offset.open("r+b") as file:
                file.write(struct.pack("l", jump))
            assert abs(_clock(environment) - time.time() - jump) < DAY / 2
            load.wait_for(2)
    assert server.terminate() == 0


def _clock(environment: dict[str, str]) -> float:
    """Return what the clock says to a process with an environment."""
    command = [sys.executable, "-c", "import time; print(time.time())"]
    return float(
        subprocess.run(command, env=os.environ | environment, check=True, capture_output=True).stdout
    )
