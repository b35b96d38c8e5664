"""The arguments of commands that ask models."""

from __future__ import annotations

import pytest

from atomlens.client.cli.asking import with_port


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
def test_with_port(given: str, expected: str) -> None:
    """An address without a port gets the default port."""
    assert with_port(given) == expected
