"""`atomlens.server.security.exposure`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atomlens.server.security.exposure import is_loopback, warn_of_exposure
from atomlens.server.settings import ServerSettings

TLS = {"tls_cert": Path("c"), "tls_key": Path("k")}
TOKENS, CLIENT_CA = {"tokens": Path("t")}, {"tls_client_ca": Path("a")}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:0", True),
        ("127.9.9.9:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("host.example:1", False),
    ],
)
def test_addresses_of_this_machine_alone(address: str, expected: bool) -> None:
    """All of them, and no other."""
    assert is_loopback(address) == expected


@pytest.mark.parametrize(
    ("address", "settings", "expected"),
    [
        ("127.0.0.1:1", {}, []),
        ("0.0.0.0:1", {}, ["without TLS: what is sent can be read on its way", "there are no `tokens`"]),
        ("0.0.0.0:1", TOKENS, ["read on its way, tokens too"]),
        ("0.0.0.0:1", TLS, ["there are no `tokens`"]),
        ("0.0.0.0:1", TLS | TOKENS, []),
        ("0.0.0.0:1", TLS | CLIENT_CA, []),
    ],
)
def test_what_is_left_open_is_said(
    address: str, settings: dict[str, Any], expected: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Beyond the loopback interface, a warning for what is not encrypted and one where nobody is asked."""
    both = ServerSettings(address=address, **settings)
    warn_of_exposure(both, both)
    assert len(caplog.messages) == len(expected)
    for message, end in zip(caplog.messages, expected, strict=True):
        assert message.endswith(end)
