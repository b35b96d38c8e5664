"""The Dockerfile, as far as it can be told without an engine; `make container-test` builds and runs it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from atomlens.server.settings import PREFIX, ServerSettings

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def instructions(name: str) -> list[str]:
    """Return what follows an instruction, wherever it stands."""
    return [line.removeprefix(f"{name} ") for line in LINES if line.startswith(f"{name} ")]


def test_the_last_target_is_for_cpus() -> None:
    """Who names no target gets the image for CPUs; both are made of the same."""
    stages = [line.split(" AS ") for line in instructions("FROM")]
    assert stages[-1] == ["runtime", "cpu"]
    assert ["runtime", "gpu"] in stages


def test_nothing_is_missing_from_the_context() -> None:
    """What is copied is there, and .dockerignore lets it through."""
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    copied = {
        name for line in instructions("COPY") if not line.startswith("--from") for name in line.split()[:-1]
    }
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)


def test_variables_are_settings() -> None:
    """What the image sets are settings of the server, with values that it takes: others reach it."""
    given = dict(re.findall(rf"({PREFIX}[A-Z_]+)=(\S+)", " ".join(instructions("ENV"))))
    assert set(given) == {f"{PREFIX}ADDRESS", f"{PREFIX}MODELS", f"{PREFIX}PROVIDER"}
    settings = ServerSettings.from_environment({}, given)
    assert settings.address == "0.0.0.0:50551"
    assert settings.models == Path("/models")
    assert settings.provider == "cuda"


def test_the_version_is_the_package_s() -> None:
    """The label says which version is in it."""
    assert f"VERSION={PROJECT['version']}" in instructions("ARG")


@pytest.mark.parametrize("extras", [["server"], ["gpu", "trace"]])
def test_needs(extras: list[str]) -> None:
    """What is installed is what the package and its extras need, and nothing else."""
    command = [sys.executable, str(ROOT / "container" / "needs.py"), *extras]
    printed = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    optional = PROJECT["optional-dependencies"]
    assert printed == [*PROJECT["dependencies"], *(need for extra in extras for need in optional[extra])]
