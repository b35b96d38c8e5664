"""`atomlens.server.security.tls`."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import grpc
import pytest

from atomlens.server.security.guard import Guard
from atomlens.server.security.tls import Tls
from atomlens.server.settings import SecuritySettings
from tests.authority import DAY, Authority, Pair


def tls(pair: Pair) -> Tls:
    """Return the TLS of a server with a certificate."""
    return Tls(SecuritySettings(tls_cert=pair.cert, tls_key=pair.key))


def test_the_time_left(authority: Authority) -> None:
    """It is that of the certificate in the files, and changes with them."""
    found = tls(authority.issue("server", 100 * DAY))
    assert 99.9 < found.seconds_left() / 86_400 < 100.1
    authority.issue("server", 50 * DAY)
    found.refresh()
    assert 49.9 < found.seconds_left() / 86_400 < 50.1


@pytest.mark.parametrize(("days", "said"), [(100, None), (20, "20.0"), (5, "5.0"), (0.5, "0.5")])
def test_an_end_that_is_near_is_said_at_the_start(
    days: float, said: str | None, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, with the file and the days that are left."""
    found = tls(authority.issue("server", days * DAY))
    found.refresh()
    assert len(caplog.messages) == (said is not None)
    for message in caplog.messages:
        assert message.endswith(f"ends in {said} days")
        assert "server.crt" in message


def test_an_end_that_comes_near_is_said_again(
    authority: Authority, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty days, seven days and a day before, and when it is there; a new certificate begins anew."""
    found, real, past = tls(authority.issue("server", 40 * DAY)), time.time, 0.0
    monkeypatch.setattr(time, "time", lambda: real() + past)
    for days in (5, 11, 20, 34, 36, 39.5, 39.6, 41, 42):
        past = days * 86_400
        found.refresh()
    endings = [message.rpartition(".key ")[2] for message in caplog.messages]
    assert endings == [
        "ends in 29.0 days",
        "ends in 6.0 days",
        "ends in 0.5 days",
        "has ended: no client accepts it",
    ]
    caplog.clear()
    authority.issue("server", 60 * DAY)
    found.refresh()
    assert [message.rpartition(".key ")[2] for message in caplog.messages] == ["ends in 18.0 days"]


def test_a_broken_renewal_leaves_what_was(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    """A key of another certificate, or one that has ended, is reported and not taken."""
    pair = authority.issue("server", 100 * DAY)
    found, good = tls(pair), pair.cert.read_bytes()
    pair.cert.write_bytes(authority.issue("other").cert.read_bytes())
    found.refresh()
    pair.cert.write_bytes(good)
    authority.issue("server", -DAY)
    found.refresh()
    assert 99.9 < found.seconds_left() / 86_400 < 100.1
    first, second = caplog.records
    assert first.levelno == second.levelno == logging.ERROR
    assert "`tls_key` is not the key of the first certificate" in first.getMessage()
    assert "ended on" in second.getMessage()


def test_keys_that_everyone_may_read(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    """They are a warning."""
    pair = authority.issue("server")
    pair.key.chmod(0o644)
    tls(pair)
    assert "`tls_key`" in caplog.text


def test_files_that_are_not_there(tmp_path: Path) -> None:
    """They are an error that names the setting."""
    with pytest.raises(ValueError, match=r"`tls_cert` .* cannot be read: No such file"):
        tls(Pair(tmp_path / "a", tmp_path / "b"))


@pytest.mark.parametrize(("common", "expected"), [(True, "carol"), (False, "127.0.0.1")])
def test_who_a_client_is(common: bool, expected: str, authority: Authority) -> None:
    """What gRPC tells of a client's certificate, over a real socket, is what a guard looks for."""
    pair, own = authority.issue("server"), authority.issue("carol", common=common)
    settings = SecuritySettings(tls_cert=pair.cert, tls_key=pair.key, tls_client_ca=authority.ca)
    guard = Guard(None, asks_certificates=True)

    async def answer(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return guard.check("/test.Service/Ask", {}, context.auth_context).encode()

    async def main() -> bytes:
        server = grpc.aio.server()
        handler: Any = grpc.unary_unary_rpc_method_handler(answer)
        handlers = grpc.method_handlers_generic_handler("test.Service", {"Ask": handler})
        server.add_generic_rpc_handlers((handlers,))
        port = server.add_secure_port("127.0.0.1:0", Tls(settings).credentials())
        await server.start()
        trusted = (path.read_bytes() for path in (authority.ca, own.key, own.cert))
        credentials = grpc.ssl_channel_credentials(*trusted)
        async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
            ask: Any = channel.unary_unary("/test.Service/Ask")
            name: bytes = await ask(b"")
        await server.stop(0)
        return name

    assert asyncio.run(main()).decode() == expected
