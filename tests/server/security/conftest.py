"""Certificates and tokens that the tests of security share."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tests.authority import Authority

WriteTokens = Callable[..., Path]


def line(name: str, scopes: str, secret: str) -> str:
    """Return a line of a file of tokens."""
    return f"{name} {scopes} {sha256(secret.encode()).hexdigest()}\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority whose files are in the test's directory."""
    return Authority(tmp_path)


@pytest.fixture
def write_tokens(tmp_path: Path) -> WriteTokens:
    """Write (name, scopes, secret) to a file of tokens, in one step as one should, and return its path."""

    def write(*tokens: tuple[str, str, str]) -> Path:
        path, new = tmp_path / "tokens", tmp_path / "tokens.new"
        new.write_text("".join(line(*token) for token in tokens))
        new.chmod(0o600)
        return new.rename(path)

    return write
