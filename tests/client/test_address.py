"""`atomlens.client.address`."""

from __future__ import annotations

import pytest

from atomlens.client.address import checked_address


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
