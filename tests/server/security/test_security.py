"""`atomlens.server.security.security`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from atomlens.server.errors import UnauthenticatedError
from atomlens.server.security import security
from atomlens.server.security.security import Security
from atomlens.server.settings import ServerSettings
from tests.authority import DAY, Authority

WriteTokens = Callable[..., Path]
EXPLAIN = "/atomlens.v1.ExplanationService/Explain"


def caller(found: Security, secret: str) -> str | None:
    """Return who calls with a token; None where the token is not known."""
    try:
        return found.guard.check(EXPLAIN, {"authorization": f"Bearer {secret}"}, dict)
    except UnauthenticatedError:
        return None


def test_files_are_looked_at_again_and_again(
    write_tokens: WriteTokens, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens and certificates that change are in use without a restart, until the watch is cancelled."""
    monkeypatch.setattr(security, "REFRESH_SECONDS", 0.001)
    pair = authority.issue("server")
    tokens = write_tokens(("ada", "explain", "one"))
    told: list[tuple[str, bool]] = []
    settings = ServerSettings(tokens=tokens, tls_cert=pair.cert, tls_key=pair.key)
    found = Security(settings, lambda what, succeeded: told.append((what, succeeded)))
    assert found.tls is not None
    before = found.tls.seconds_left()

    async def main() -> None:
        watching = asyncio.create_task(found.watch())
        write_tokens(("ada", "explain", "two"))
        authority.issue("server", 2 * DAY)
        assert found.tls is not None
        while caller(found, "two") is None or found.tls.seconds_left() > before / 2:
            await asyncio.sleep(0)
        watching.cancel()

    asyncio.run(main())
    assert (caller(found, "one"), caller(found, "two")) == (None, "ada")
    assert {("tokens", True), ("certificates", True)} <= set(told)


def test_a_look_that_fails_is_not_the_last(
    write_tokens: WriteTokens, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A token that is taken back afterwards is not known any more."""
    monkeypatch.setattr(security, "REFRESH_SECONDS", 0.001)
    found = Security(ServerSettings(tokens=write_tokens(("ada", "explain", "one"))))
    refresh = found.refresh

    def fail() -> None:
        monkeypatch.setattr(found, "refresh", refresh)
        raise MemoryError

    monkeypatch.setattr(found, "refresh", fail)

    async def main() -> None:
        watching = asyncio.create_task(found.watch())
        write_tokens(("ada", "explain", "two"))
        async with asyncio.timeout(60):
            while caller(found, "one") is not None:
                await asyncio.sleep(0)
        watching.cancel()

    asyncio.run(main())
    assert "certificates and tokens could not be looked at" in caplog.text


def test_there_is_nothing_to_watch_without_files() -> None:
    """The watch ends at once, and everybody may ask."""
    found = Security(ServerSettings())
    asyncio.run(found.watch())
    assert caller(found, "anything") == ""


def test_broken_files_are_an_error_at_the_start(tmp_path: Path, authority: Authority) -> None:
    """The message names the setting; what is no text is not quoted."""
    path = tmp_path / "tokens"
    for content, words in (
        (b"", "`tokens`: there is no token in it"),
        (b"\xff\xfe", "`tokens`: is no text"),
        (b"ada explain secret", "`tokens`: line 1: the third word must be the SHA-256 of a token"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=words) as caught:
            Security(ServerSettings(tokens=path))
        assert "secret" not in str(caught.value)
    pair = authority.issue("server")
    with pytest.raises(ValueError, match="`tls_key` must be a private key in PEM form"):
        Security(ServerSettings(tls_cert=pair.cert, tls_key=pair.cert))


def test_who_needs_no_certificates_does_not_load_their_library() -> None:
    """It is imported by a server that has some."""
    code = (
        "import sys; from atomlens.server.security.security import Security; "
        "from atomlens.server.settings import ServerSettings; Security(ServerSettings()); "
        "print('cryptography' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
