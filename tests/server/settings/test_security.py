"""`atomlens.server.settings.security`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atomlens.server.settings import ServerSettings

CERT, KEY, CA = Path("c"), Path("k"), Path("a")


def test_nothing_is_secured_by_default() -> None:
    """The server listens on the loopback interface alone, where that does."""
    settings = ServerSettings()
    assert (settings.tls_cert, settings.tls_key, settings.tls_client_ca, settings.tokens) == (None,) * 4


def test_variables_are_paths() -> None:
    """ATOMLENS_TOKENS and its like name files."""
    settings = ServerSettings.from_environment(
        {}, {"ATOMLENS_TOKENS": "/t", "ATOMLENS_TLS_CERT": "/c", "ATOMLENS_TLS_KEY": "/k"}
    )
    assert (settings.tokens, settings.tls_cert) == (Path("/t"), Path("/c"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tls_cert": CERT}, "`tls_key` is missing"),
        ({"tls_key": KEY}, "`tls_cert` is missing"),
        ({"tls_client_ca": CA}, "`tls_client_ca` needs `tls_cert` and `tls_key`"),
    ],
)
def test_what_belongs_together(given: dict[str, Any], message: str) -> None:
    """A certificate goes with its key, and clients are asked for theirs through TLS."""
    with pytest.raises(ValueError, match=message):
        ServerSettings(**given)
