"""The server for tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from atomlens.client import Client, UnavailableError
from atomlens.client.testing import serve

from .conftest import MODELS


def test_serves_while_the_block_lasts(toy_repository: Path) -> None:
    """A server is there within the block and gone after it."""
    with serve(toy_repository) as server, server.client() as client:
        assert not server.address.endswith(":0")
        assert MODELS[0] in [status.name for status in client.models()]
    with Client(server.address, timeout_seconds=5) as client, pytest.raises(UnavailableError):
        client.models()


def test_failure_to_start(tmp_path: Path) -> None:
    """What keeps a server from starting is raised where it was asked for."""
    with pytest.raises(Exception, match="nowhere"), serve(models=tmp_path / "nowhere"):
        pass


def test_directory_as_text(toy_repository: Path) -> None:
    """The directory of models may be a text, as it may for a client of the engine in this process."""
    with serve(models=str(toy_repository)) as server, server.client() as client:
        assert MODELS[0] in [status.name for status in client.models()]
