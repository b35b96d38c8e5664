"""`atomlens.client.address`."""

from __future__ import annotations

import pytest

from atomlens.client.address import checked_address, is_loopback
from atomlens.client.errors import InputError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("host", "host:50551"),
        ("host:1", "host:1"),
        ("10.0.0.1", "10.0.0.1:50551"),
        ("::1", "[::1]:50551"),
        ("[::1]", "[::1]:50551"),
        ("[::1]:1", "[::1]:1"),
        ("unix:/run/socket", "unix:/run/socket"),
    ],
)
def test_an_address_without_a_port_gets_the_default(given: str, expected: str) -> None:
    """An address without a port gets the default port."""
    assert checked_address(given) == expected


@pytest.mark.parametrize("address", ["host:", "host:http", "host:0", "127.0.0.1:65536", "[::1]:x", "host:+1"])
def test_a_port_that_there_is_none_of_is_refused(address: str) -> None:
    """At once, and not when the time for an answer is over."""
    with pytest.raises(InputError, match="`address` must be HOST:PORT with a port from 1 to 65535") as caught:
        checked_address(address)
    assert caught.value.field == "address"


@pytest.mark.parametrize(
    "target", ["unix:socket", "dns:host", "dns:///host:1", "ipv4:10.0.0.1:1,10.0.0.2:1", "host:65535"]
)
def test_targets_of_grpc_are_left_to_it(target: str) -> None:
    """What follows their scheme is no port."""
    assert checked_address(target) == target


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:1", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        ("unix:/run/socket", True),
        ("dns:///localhost:1", True),
        ("ipv4:127.0.0.1:1,127.0.0.2:2", True),
        ("ipv6:[::1]:1", True),
        ("ipv4:127.0.0.1:1,10.0.0.1:2", False),
        ("dns:///host:1", False),
        ("dns://10.0.0.1/localhost:1", False),
        ("10.0.0.1:1", False),
        ("[fe80::1]:1", False),
        ("localhost.example:1", False),
        ("127.0.0.1.example:1", False),
        ("xds:///localhost:1", False),
    ],
)
def test_what_stays_on_this_machine(address: str, expected: bool) -> None:
    """A target is on the loopback interface if all that it names is; in doubt it is not."""
    assert is_loopback(address) == expected
