"""`atomlens serve`."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from atomlens.client import Client
from atomlens.client.cli.main import main
from atomlens.server.settings import ServerSettings

from .conftest import MODELS


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[ServerSettings]:
    """Return the settings that a server would have been run with."""
    found: list[ServerSettings] = []

    def serve(settings: ServerSettings) -> int:
        found.append(settings)
        return 0

    monkeypatch.setattr("atomlens.server.process.serve", serve)
    return found


def test_flags_before_environment(served: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags win over the environment, which wins over defaults."""
    monkeypatch.setenv("ATOMLENS_ADDRESS", "0.0.0.0:7")
    monkeypatch.setenv("ATOMLENS_WORKERS", "3")
    assert main(["serve", "--address", "127.0.0.1:9", "--models", "m", "--grace-seconds", "1.5"]) == 0
    (settings,) = served
    assert (settings.address, settings.workers, settings.models) == ("127.0.0.1:9", 3, Path("m"))
    assert (settings.grace_seconds, settings.provider) == (1.5, "cpu")


def test_loopback(served: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless told otherwise, the server listens on the loopback interface."""
    monkeypatch.delenv("ATOMLENS_ADDRESS", raising=False)
    main(["serve"])
    assert served[0].address == "127.0.0.1:50551"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--address", "nonsense"], 2),
        (["--provider", "abacus"], 2),
        (["--models", "nowhere"], 3),
        (["--provider", "cuda"], 3),
    ],
)
def test_wrong_settings(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A setting that cannot be had is one clear line."""
    import onnxruntime

    if "cuda" in arguments and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("CUDA is to be had here")
    assert main(["serve", "--address", "127.0.0.1:0", *arguments]) == code
    assert capsys.readouterr().err.splitlines()[-1].startswith("atomlens: ")


def test_serves_until_told_to_stop(toy_repository: Path) -> None:
    """The command serves until SIGTERM and leaves with 0."""
    code = "import sys; from atomlens.client.cli import main; sys.exit(main())"
    command = [
        sys.executable,
        "-c",
        code,
        "serve",
        "--address",
        "127.0.0.1:0",
        "--models",
        str(toy_repository),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if " on 127.0.0.1:" in line)
        address = line.split(" on ")[1].split()[0]
        with Client(address) as client:
            assert MODELS[0] in [status.name for status in client.models()]
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        assert process.wait(30) == 0
