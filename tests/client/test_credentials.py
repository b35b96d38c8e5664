"""`atomlens.client.credentials`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from atomlens.client import AsyncClient, Client, InputError, Tls, UnreadableFileError
from atomlens.client.credentials import Credentials
from tests.authority import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority whose files are in the test's directory."""
    return Authority(tmp_path)


def test_a_token_does_not_show() -> None:
    """Neither in a value that is printed by mistake, nor in one that holds it."""
    credentials = Credentials(Tls(), "sesame")
    assert "sesame" not in f"{credentials!r} {credentials}"


def test_what_calls_are_sent_with() -> None:
    """A token goes into the header that the standard has for it; without one there is nothing to send."""
    assert Credentials().metadata() is None
    assert Credentials(token="sesame").metadata() == (("authorization", "Bearer sesame"),)


def test_every_call_reads_the_file_anew(tmp_path: Path) -> None:
    """A token that takes the place of another is sent from the next call on."""
    path = tmp_path / "token"
    path.write_text("one\n")
    credentials = Credentials(token=path)
    assert credentials.metadata() == (("authorization", "Bearer one"),)
    path.write_text("two")
    assert credentials.metadata() == (("authorization", "Bearer two"),)
    path.unlink()
    with pytest.raises(UnreadableFileError, match=r"`token` .*token cannot be read: No such file"):
        credentials.metadata()


@pytest.mark.parametrize("secret", ["", "two words", "tab\t", "umläut", "line\nline"])
def test_what_is_no_token(secret: str, tmp_path: Path) -> None:
    """It is said when a client is made, and not repeated."""
    path = tmp_path / "file"
    path.write_text(secret.replace("\t", " x"))
    for token in (secret, path):
        with pytest.raises(InputError, match=r"`token`.* must be one word of ASCII letters") as caught:
            Client("127.0.0.1:1", token=token)
        assert caught.value.field == "token"
        assert not secret or secret not in str(caught.value)


async def open_async(address: str, credentials: Credentials) -> None:
    """Make an asynchronous client, and close it."""
    async with AsyncClient(
        address,
        tls=credentials.tls or False,
        token=credentials.token,
        insecure_token=credentials.insecure_token,
    ):
        pass


def open_sync(address: str, credentials: Credentials) -> None:
    """Make a client, and close it."""
    credentials.channel(address, ()).close()


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_token_does_not_leave_the_machine_in_plain_text(kind: str) -> None:
    """Unless that is asked for: it goes to the loopback interface, or through TLS."""

    def start(address: str, credentials: Credentials) -> None:
        if kind == "sync":
            open_sync(address, credentials)
        else:
            asyncio.run(open_async(address, credentials))

    with pytest.raises(InputError, match="`token` must not go to host:1 in plain text: set `tls`"):
        start("host:1", Credentials(token="sesame"))
    start("host:1", Credentials(token="sesame", insecure_token=True))
    start("host:1", Credentials(Tls(), "sesame"))
    start("localhost:1", Credentials(token="sesame"))
    start("host:1", Credentials())


def test_true_is_tls_with_public_cas() -> None:
    """And False is none."""
    assert Credentials.of(True, None, False) == Credentials(Tls())
    assert Credentials.of(False, "x", True) == Credentials(None, "x", True)
    assert Credentials.of(Tls("ca"), None, False) == Credentials(Tls("ca"))


def test_a_certificate_goes_with_its_key() -> None:
    """One without the other is an error."""
    with pytest.raises(InputError, match="`key` is missing"):
        Tls(cert="c")
    with pytest.raises(InputError, match="`cert` is missing"):
        Tls(key="k")


def test_files_that_are_none(authority: Authority, tmp_path: Path) -> None:
    """They are named when a client is made, and not at its first call."""
    cert, key = authority.issue("client")
    other = authority.issue("other")
    nonsense, nothing = tmp_path / "nonsense", tmp_path / "nothing"
    nonsense.write_text("nonsense")
    for tls, words in (
        (Tls(nothing), f"`ca` {nothing} cannot be read: No such file or directory"),
        (Tls(cert=cert, key=nothing), f"`key` {nothing} cannot be read: No such file or directory"),
        (Tls(tmp_path), f"`ca` {tmp_path} cannot be read: Is a directory"),
        (Tls(nonsense), f"`ca` {nonsense} must be certificates in PEM form"),
        (Tls(key), f"`ca` {key} must be certificates in PEM form"),
        (Tls(cert=nonsense, key=key), "`cert` and `key` must be a certificate and its own key"),
        (Tls(cert=cert, key=nonsense), "`cert` and `key` must be a certificate and its own key"),
        (Tls(cert=cert, key=other.key), "`cert` and `key` must be a certificate and its own key"),
    ):
        with pytest.raises(UnreadableFileError) as caught:
            Client("127.0.0.1:1", tls=tls)
        assert str(caught.value).startswith(words)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files cannot be counted here")
def test_a_token_file_is_closed(tmp_path: Path) -> None:
    """Reading it again and again uses up nothing."""
    path = tmp_path / "token"
    path.write_text("one")
    credentials, before = Credentials(token=path), len(os.listdir("/proc/self/fd"))
    for _ in range(100):
        credentials.metadata()
    assert len(os.listdir("/proc/self/fd")) == before
