"""Clients of servers with certificates and tokens, and what goes wrong with these: over real sockets."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from atomlens.client import (
    AtomLensError,
    CertificateError,
    Client,
    Explanation,
    PermissionDeniedError,
    StreamSettings,
    Tls,
    UnauthenticatedError,
    UnavailableError,
)
from atomlens.client.backoff import BackoffSettings
from atomlens.client.cli.main import main
from atomlens.client.testing import RunningServer, serve
from atomlens.open_inference import open_inference_pb2, open_inference_pb2_grpc
from atomlens.server.security import security
from atomlens.server.settings import ServerSettings
from tests.authority import DAY, Authority, Pair

from .conftest import MODELS, WATER

ENERGY = MODELS[0]
SECRET, OTHER, PROBER = "sesame-Fg5wUq0", "abra-kadabra-8Yw", "probe-only-Zt71"
HASTY = StreamSettings(backoff=BackoffSettings(max_attempts=2, first_pause_seconds=0.01))
Serve = Callable[..., Any]


def line(name: str, scopes: str, secret: str) -> str:
    """Return a line of a file of tokens."""
    return f"{name} {scopes} {sha256(secret.encode()).hexdigest()}\n"


def write(path: Path, text: str | bytes) -> Path:
    """Put a file that nobody else may read in the place of another, in one step."""
    new = path.with_suffix(".new")
    new.write_bytes(text if isinstance(text, bytes) else text.encode())
    new.chmod(0o600)
    return new.rename(path)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority whose files are in the test's directory."""
    return Authority(tmp_path)


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """A file that knows who may explain and who may probe."""
    return write(tmp_path / "tokens", line("ada", "explain", SECRET) + line("bob", "probe", PROBER))


@pytest.fixture
def secured(toy_repository: Path, authority: Authority) -> Serve:
    """Run a server with a certificate of the authority."""

    def start(**settings: Any) -> Any:
        pair = authority.issue("server")
        return serve(toy_repository, **{"tls_cert": pair.cert, "tls_key": pair.key, "workers": 1} | settings)

    return start


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers look at their files often."""
    monkeypatch.setattr(security, "REFRESH_SECONDS", 0.01)


def ask(client: Client) -> float:
    """Return the energy of water."""
    energy = client.explain(WATER, ENERGY).energy
    assert energy is not None
    return energy


def until(met: Callable[[], bool]) -> None:
    """Ask again and again, until a condition is met; the test's timeout ends what never is."""
    while not met():
        pass


def refused(server: RunningServer, error: type[AtomLensError], **settings: Any) -> bool:
    """Return whether a new client gets an error."""
    with server.client(**settings) as client:
        try:
            ask(client)
        except error:
            return True
    return False


def test_everything_is_as_without_tls(
    secured: Serve, authority: Authority, tokens: Path, client: Client
) -> None:
    """Explanations, streams, probes and models, of both clients."""
    tls = Tls(authority.ca)
    write(tokens, line("ada", "explain,probe", SECRET))

    async def ask_async(server: RunningServer) -> tuple[float | None, list[Any], int, int]:
        async with server.async_client(tls=tls, token=SECRET) as asking:
            energy = (await asking.explain(WATER, ENERGY)).energy
            streamed = [outcome async for outcome in asking.stream([WATER] * 3, ENERGY)]
            probed = await (await asking.probe(WATER, "H", ENERGY, spacing=2.0)).collect()
            return energy, streamed, probed.values.size, len(await asking.models())

    expected = ask(client)
    with secured(tokens=tokens) as server, server.client(tls=tls, token=SECRET) as asking:
        assert ask(asking) == pytest.approx(expected, abs=1e-6)
        assert len(list(asking.stream([WATER] * 3, ENERGY))) == 3
        size = asking.probe(WATER, "H", ENERGY, spacing=2.0).collect().values.size
        assert size
        models = len(asking.models())
        assert asking.model(ENERGY).status.name == ENERGY
        energy, streamed, probed, listed = asyncio.run(ask_async(server))
    assert energy == pytest.approx(expected, abs=1e-6)
    assert (len(streamed), probed, listed) == (3, size, models)


def test_a_certificate_of_a_ca_that_is_not_trusted(
    secured: Serve, authority: Authority, tmp_path: Path
) -> None:
    """The client says that the certificate is why; so it does of a name that is another server's."""
    other = Authority(tmp_path, "other")
    with secured() as server:
        for tls in (Tls(other.ca), Tls(authority.ca, server_name="elsewhere.example"), True):
            with server.client(tls=tls) as asking, pytest.raises(CertificateError, match="not to be trusted"):
                ask(asking)
        with (
            server.client(tls=Tls(other.ca), streaming=HASTY) as asking,
            pytest.raises(CertificateError, match="not to be trusted"),
        ):
            list(asking.stream([WATER], ENERGY))


def test_a_certificate_that_ended_while_the_server_ran(
    secured: Serve, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients say so, and go on as soon as there is a new one in its place: nothing is restarted."""
    before = SimpleNamespace(time=lambda: time.time() - 10 * 86_400)
    monkeypatch.setattr("atomlens.server.security.tls.time", before)
    pair, tls = authority.issue("old", -DAY), Tls(authority.ca)
    with secured(tls_cert=pair.cert, tls_key=pair.key) as server:
        with server.client(tls=tls) as asking, pytest.raises(CertificateError, match="has expired"):
            ask(asking)
        authority.issue("old")
        with server.client(tls=tls) as asking:
            ask(asking)


def test_a_server_does_not_start_with_a_certificate_that_has_ended(
    authority: Authority, toy_repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says when that was."""
    pair = authority.issue("server", -DAY)
    command = ["serve", "--address", "127.0.0.1:0", "--models", str(toy_repository)]
    assert main([*command, "--tls-cert", str(pair.cert), "--tls-key", str(pair.key)]) == 2
    assert "`tls_cert`: the certificate" in capsys.readouterr().err


def test_clients_without_a_certificate_that_is_trusted(
    secured: Serve, authority: Authority, tmp_path: Path
) -> None:
    """None, one of another CA and one that has ended are refused, with a hint at what it may be."""
    other = Authority(tmp_path, "other").issue("stranger")
    with secured(tls_client_ca=authority.ca) as server:
        for pair in (None, other, authority.issue("late", -DAY)):
            tls = Tls(authority.ca, *(pair or (None, None)))
            with server.client(tls=tls) as asking, pytest.raises(UnavailableError) as caught:
                ask(asking)
            assert "a client's certificate that it trusts" in str(caught.value)
        with server.client(tls=Tls(authority.ca, *authority.issue("carol"))) as asking:
            ask(asking)


def test_a_certificate_and_a_token_are_both_needed(
    secured: Serve, authority: Authority, tokens: Path
) -> None:
    """Where a server asks for both."""
    tls = Tls(authority.ca, *authority.issue("carol"))
    with secured(tls_client_ca=authority.ca, tokens=tokens) as server:
        assert refused(server, UnauthenticatedError, tls=tls)
        assert refused(server, UnavailableError, tls=Tls(authority.ca), token=SECRET)
        assert not refused(server, AtomLensError, tls=tls, token=SECRET)


def test_one_side_without_tls(secured: Serve, authority: Authority, server: RunningServer) -> None:
    """Either is told what may be wrong."""
    with server.client(tls=Tls(authority.ca)) as asking, pytest.raises(UnavailableError) as caught:
        ask(asking)
    assert "it does not speak TLS" in str(caught.value)
    with secured() as encrypted, encrypted.client() as asking, pytest.raises(UnavailableError) as caught:
        ask(asking)
    assert "it may want TLS" in str(caught.value)


@pytest.mark.parametrize(
    ("token", "error", "reason"),
    [
        (None, UnauthenticatedError, "TOKEN_MISSING"),
        ("guess", UnauthenticatedError, "TOKEN_UNKNOWN"),
        (PROBER, PermissionDeniedError, "SCOPE_MISSING"),
    ],
)
def test_calls_that_may_not_be_made(
    token: str | None, error: type[AtomLensError], reason: str, toy_repository: Path, tokens: Path
) -> None:
    """Each kind of call fails at once, and none is tried again; the connection is good for others."""

    async def ask_async(server: RunningServer) -> None:
        async with server.async_client(token=token) as asking:
            with pytest.raises(error):
                await asking.explain(WATER, ENERGY)
            with pytest.raises(error):
                _ = [outcome async for outcome in asking.stream([WATER], ENERGY)]

    with serve(toy_repository, tokens=tokens, workers=1) as server, server.client(token=token) as asking:
        for call in (
            lambda: ask(asking),
            lambda: list(asking.stream([WATER], ENERGY)),
            asking.models,
            lambda: asking.model(ENERGY),
            lambda: asking.embedding(ENERGY),
        ):
            with pytest.raises(error) as caught:
                call()
            assert caught.value.reason == reason
        if token == PROBER:
            assert asking.probe(WATER, "H", ENERGY, spacing=2.0).collect().values.size
        else:
            with pytest.raises(error):
                asking.probe(WATER, "H", ENERGY, spacing=2.0).collect()
        asyncio.run(ask_async(server))


def test_health_needs_no_token(toy_repository: Path, tokens: Path) -> None:
    """Nor do the questions of the Open Inference Protocol that stand for it; its other ones do."""
    with (
        serve(toy_repository, tokens=tokens, workers=1) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        health: Any = health_pb2_grpc.HealthStub(channel)
        answer = health.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        inference: Any = open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        assert inference.ServerLive(open_inference_pb2.ServerLiveRequest()).live
        assert inference.ServerReady(open_inference_pb2.ServerReadyRequest()).ready
        request = open_inference_pb2.ModelInferRequest(model_name=ENERGY)
        with pytest.raises(grpc.RpcError) as caught:
            inference.ModelInfer(request)
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


@contextmanager
def load(*asking: Client) -> Iterator[list[Explanation | Exception]]:
    """Have clients ask over and over while the block lasts; what came of it is complete when it ends."""
    leave, outcomes = threading.Event(), list[Any]()

    def work(client: Client) -> None:
        while not leave.is_set():
            try:
                outcomes.append(client.explain(WATER, ENERGY))
            except Exception as error:  # what the test looks for
                outcomes.append(error)

    with ThreadPoolExecutor(len(asking)) as pool:
        workers = [pool.submit(work, client) for client in asking]
        try:
            yield outcomes
        finally:
            leave.set()
        for worker in workers:
            worker.result()


def running(client: Client, change: Callable[[], None]) -> list[Any]:
    """Stream 400 structures; once some are answered, make a change, and then send the rest."""

    def items() -> Iterator[Any]:
        for count in range(400):
            if count == 200:
                change()
            yield WATER

    return list(client.stream(items(), ENERGY))


STREAMING = StreamSettings(chunk_atoms=30, window_atoms=150)


@pytest.mark.usefixtures("quick")
def test_a_token_is_changed_under_load(toy_repository: Path, tokens: Path, tmp_path: Path) -> None:
    """Nobody notices: not a stream that began with the old one, nor who reads the token from a file.

    The old token opens nothing once it is out of the server's file.
    """
    mine = write(tmp_path / "mine", SECRET)
    with (
        serve(toy_repository, tokens=tokens, workers=1) as server,
        server.client(token=SECRET, streaming=STREAMING) as streaming,
        server.client(token=mine) as first,
        server.client(token=mine) as second,
        load(first, second) as outcomes,
    ):

        def change() -> None:
            write(tokens, line("ada", "explain", SECRET) + line("ada", "explain", OTHER))
            until(lambda: not refused(server, UnauthenticatedError, token=OTHER))
            write(mine, OTHER)
            sent = len(outcomes)
            until(lambda: len(outcomes) > sent + 4)  # those that were on their way with the old one
            write(tokens, line("ada", "explain", OTHER))
            until(lambda: refused(server, UnauthenticatedError, token=SECRET))

        streamed = running(streaming, change)
        with pytest.raises(UnauthenticatedError):
            list(streaming.stream([WATER], ENERGY))
    assert [kind for kind in map(type, streamed) if kind is not Explanation] == []
    assert len(streamed) == 400
    assert [outcome for outcome in outcomes if not isinstance(outcome, Explanation)] == []


@pytest.mark.usefixtures("quick")
def test_a_broken_file_of_tokens_changes_nothing(
    toy_repository: Path, tokens: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is reported, without a word that stands in it, and the tokens of before are good."""
    with serve(toy_repository, tokens=tokens, workers=1) as server, server.client(token=SECRET) as asking:
        for text in ("", f"{SECRET}\n", f"ada explain {OTHER}\n"):
            caplog.clear()
            write(tokens, text)
            until(lambda: "what was read before stays in use" in caplog.text)
            ask(asking)
        tokens.unlink()
        ask(asking)
    assert SECRET not in caplog.text
    assert OTHER not in caplog.text


@pytest.mark.usefixtures("quick")
def test_a_certificate_is_renewed_under_load(secured: Serve, authority: Authority, tmp_path: Path) -> None:
    """New connections see the new one at once, old ones and their streams go on, and no call fails.

    Here it even comes from another CA.
    """
    old, other = Tls(authority.ca), Authority(tmp_path, "other")
    with (
        secured() as server,
        server.client(tls=old, streaming=STREAMING) as streaming,
        server.client(tls=old) as first,
        server.client(tls=old) as second,
        load(first, second) as outcomes,
    ):
        until(lambda: len(outcomes) > 10)

        def change() -> None:
            other.issue("server")
            assert not refused(server, AtomLensError, tls=Tls(other.ca))
            assert refused(server, CertificateError, tls=Tls(authority.ca))

        streamed = running(streaming, change)
        sent = len(outcomes)
        until(lambda: len(outcomes) > sent + 10)
    assert all(isinstance(outcome, Explanation) for outcome in streamed)
    assert len(streamed) == 400
    assert [outcome for outcome in outcomes if not isinstance(outcome, Explanation)] == []


@pytest.mark.usefixtures("quick")
def test_a_broken_renewal_under_load(
    secured: Serve, authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The old certificate stays for new connections, and each state of the files is reported once."""
    tls = Tls(authority.ca)
    with secured() as server:
        cert = tmp_path / "server.crt"
        good = cert.read_bytes()
        for broken in (authority.issue("other").cert.read_bytes(), b"nonsense", b""):
            caplog.clear()
            write(cert, broken)
            for _ in range(3):
                assert not refused(server, AtomLensError, tls=tls)
            until(lambda: "what was read before stays in use" in caplog.text)
            assert caplog.text.count("what was read before stays in use") == 1
        write(cert, good)
        assert not refused(server, AtomLensError, tls=tls)


def test_the_command_line_asks_such_servers(
    secured: Serve,
    authority: Authority,
    tokens: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By flags or by variables, with a load as well; a token that does not do is exit code 3 and one line."""
    mine, ca = write(tmp_path / "mine", SECRET), str(authority.ca)
    with secured(tokens=tokens) as server:
        trusted = ["--server", server.address, "--tls-ca", ca]
        assert main(["models", *trusted, "--token-file", str(mine)]) == 0
        short = ["--seconds", "0.1", "--warm-up", "0", "--model", ENERGY]
        assert main(["bench", *short, *trusted, "--token-file", str(mine)]) == 0
        capsys.readouterr()
        assert main(["models", *trusted]) == 3
        assert capsys.readouterr().err.startswith("atomlens: a token is needed")
        monkeypatch.setenv("ATOMLENS_SERVER_CA", ca)
        monkeypatch.setenv("ATOMLENS_TOKEN", SECRET)
        assert main(["models", "--server", server.address]) == 0
        monkeypatch.setenv("ATOMLENS_TOKEN", PROBER)
        assert main(["models", "--server", server.address]) == 3
        assert "lacks the scope `explain`" in capsys.readouterr().err


def test_secrets_are_nowhere_to_be_read(
    toy_repository: Path,
    tokens: Path,
    authority: Authority,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Not in logs, not in errors and their causes, and not in what objects show of themselves."""
    caplog.set_level(logging.DEBUG)
    pair: Pair = authority.issue("server")
    given: dict[str, Any] = {"tokens": tokens, "tls_cert": pair.cert, "tls_key": pair.key}
    seen = [repr(ServerSettings(**given))]
    with serve(toy_repository, **given) as server:
        for token in (SECRET, PROBER, OTHER):
            with server.client(tls=Tls(authority.ca), token=token) as asking:
                seen += [repr(asking), repr(asking._transport), repr(vars(asking._transport))]
                for call in (
                    lambda: ask(asking),
                    lambda: list(asking.stream([WATER], ENERGY)),
                    asking.models,
                ):
                    try:
                        call()
                    except AtomLensError as error:
                        seen += [repr(error), str(error), repr(error.__cause__), str(vars(error))]
    seen += [caplog.text, *map(repr, caplog.records), *capfd.readouterr()]
    key = pair.key.read_text().splitlines()[1]
    for secret in (SECRET, PROBER, OTHER, sha256(SECRET.encode()).hexdigest(), key):
        assert all(secret not in text for text in seen)
    assert any("UNAUTHENTICATED" in text for text in seen)
