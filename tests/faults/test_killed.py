"""Servers that are killed, or told to leave, while they are asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.load import loaded
from tests.served import Start

Record = Callable[[str, object], None]


@pytest.mark.timeout(600)
def test_a_killed_server_costs_time_and_nothing_else(start: Start, record_property: Record) -> None:
    """Single calls, batches, streams and probes go on with the server that takes its address."""
    server = start()
    with loaded(server.address, record_property) as load:
        for _ in range(2):
            server.kill()
            server = start(address=server.address)
            load.wait_for(2)


@pytest.mark.timeout(600)
def test_a_server_that_is_told_to_leave_fails_no_call(start: Start, record_property: Record) -> None:
    """What it accepted is answered, its exit code is 0, and clients go on with its successor."""
    server = start()
    with loaded(server.address, record_property) as load:
        for _ in range(2):
            assert server.terminate() == 0
            server = start(address=server.address)
            load.wait_for(2)
