"""The overlay with TLS and tokens: its secrets let in whom they should."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from atomlens.client import Client, Tls, UnauthenticatedError
from atomlens.client.testing import serve
from tests.authority import Authority, Pair

from .conftest import ROOT, rendered

MOUNTED = "/etc/atomlens"
SECRET = "a-secret-of-this-test"
MODELS = ROOT / "server" / "atomlens" / "server" / "models"


@pytest.fixture
def client_pair(tmp_path: Path) -> Pair:
    """Fill the mounted directories as the secrets do, and return a client's certificate."""
    authority = Authority(tmp_path)
    server, client = authority.issue("server"), authority.issue("client")
    (tmp_path / "tls").mkdir()
    (tmp_path / "tokens").mkdir()
    for source, name in ((server.cert, "tls.crt"), (server.key, "tls.key"), (authority.ca, "ca.crt")):
        (tmp_path / "tls" / name).write_bytes(source.read_bytes())
    line = f"ada explain,probe {sha256(SECRET.encode()).hexdigest()}\n"
    (tmp_path / "tokens" / "tokens").write_text(line)
    return client


def test_the_variables_make_a_secured_server(client_pair: Pair, tmp_path: Path) -> None:
    """With the keys of the secrets as files, the server asks for a certificate of that CA and for a token."""
    given = {
        key.removeprefix("ATOMLENS_").lower(): Path(value.replace(MOUNTED, str(tmp_path)))
        for key, value in rendered("secure").settings.items()
        if value.startswith(MOUNTED)
    }
    assert len(given) == 4
    tls = Tls(ca=tmp_path / "tls" / "ca.crt", cert=client_pair.cert, key=client_pair.key)
    with serve(models=MODELS, workers=1, **given) as server:
        with Client(server.address, tls=tls, token=SECRET) as client:
            assert client.models()
        with (
            Client(server.address, tls=tls, token="another") as stranger,
            pytest.raises(UnauthenticatedError),
        ):
            stranger.models()
