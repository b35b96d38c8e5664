"""`atomlens health`."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from atomlens.client.cli.health import local_address
from atomlens.client.cli.main import main
from atomlens.client.testing import RunningServer


@pytest.fixture
def leaving() -> Iterator[str]:
    """The address of a server that does not serve any more."""
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    server = grpc.server(ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def test_serving(server: RunningServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A server that serves makes the exit code 0."""
    assert main(["health", "--server", server.address]) == 0
    assert capsys.readouterr().out == "SERVING\n"


def test_service(server: RunningServer, capsys: pytest.CaptureFixture[str]) -> None:
    """One service can be asked for by its name; one that the server does not know is an error."""
    assert main(["health", "--server", server.address, "--service", "atomlens.v1.ModelService"]) == 0
    assert main(["health", "--server", server.address, "--service", "nobody"]) == 3
    assert capsys.readouterr().err.startswith("atomlens: ")


def test_not_serving(leaving: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A server that answers that it does not serve makes the exit code 3."""
    assert main(["health", "--server", leaving]) == 3
    assert capsys.readouterr().err == f"atomlens: the server at {leaving} says NOT_SERVING\n"


def test_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody listens the exit code is 3."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        assert main(["health", "--server", f"127.0.0.1:{silent.getsockname()[1]}"]) == 3
    assert "no AtomLens server answers" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e300"])
def test_timeout(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wait that is no time, or more than clocks count, is refused, and not said to be over at once."""
    assert main(["health", f"--timeout={seconds}"]) == 2
    assert "`--timeout` must be positive and finite" in capsys.readouterr().err


def test_environment(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an address the server of the same environment is asked."""
    port = server.address.rpartition(":")[2]
    monkeypatch.setenv("ATOMLENS_ADDRESS", f"0.0.0.0:{port}")
    assert main(["health"]) == 0


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, "127.0.0.1:50551"),
        ({"ATOMLENS_ADDRESS": "0.0.0.0:50551"}, "127.0.0.1:50551"),
        ({"ATOMLENS_ADDRESS": "[::]:50551"}, "localhost:50551"),
        ({"ATOMLENS_ADDRESS": "10.0.0.7:1"}, "10.0.0.7:1"),
        ({"ATOMLENS_ADDRESS": "0.0.0.0:1", "ATOMLENS_HEALTH_ADDRESS": "0.0.0.0:2"}, "127.0.0.1:2"),
        ({"ATOMLENS_ADDRESS": "0.0.0.0:1", "ATOMLENS_HEALTH_ADDRESS": ""}, "127.0.0.1:1"),
    ],
)
def test_local_address(environment: dict[str, str], address: str) -> None:
    """The health port goes before the other; a server on any interface is asked on the loopback."""
    assert local_address(environment) == address
