"""Clients of several servers, in processes of their own, of which one goes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.faults.load import loaded
from tests.served import Served, Start

Record = Callable[[str, object], None]


def together(*servers: Served) -> str:
    """Return the target that means all of the servers."""
    return "ipv4:" + ",".join(server.address for server in servers)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("end", [Served.kill, Served.terminate], ids=["killed", "told to leave"])
def test_a_client_goes_on_with_the_servers_that_are_left(
    end: Callable[[Served], object], start: Start, record_property: Record
) -> None:
    """One of three dies and comes back, then another one; no call fails."""
    servers = [start() for _ in range(3)]
    with loaded(together(*servers), record_property) as load:
        for index in range(2):
            end(servers[index])
            load.wait_for(2)
            servers[index] = start(address=servers[index].address)


@pytest.mark.timeout(600)
def test_calls_of_one_client_go_to_all_servers_in_turn(start: Start, record_property: Record) -> None:
    """And streams move when connections come of age."""
    servers = [start(max_connection_age_seconds=0.5, log_format="json", log_calls="all") for _ in range(2)]
    with loaded(together(*servers), record_property) as load:
        while not all(_answered(server) >= {"Explain", "ExplainStream", "Probe"} for server in servers):
            assert not load.lost
            load.wait_for(1)


def _answered(server: Served) -> set[str]:
    """Return the methods that a server has logged calls of."""
    return set(re.findall(r"ExplanationService/(\w+)", "".join(server.lines)))
