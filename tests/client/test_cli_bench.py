"""`atomlens bench`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from atomlens.client.cli.main import main
from atomlens.client.testing import RunningServer

from .conftest import MODELS

SHORT = ["--seconds", "0.2", "--warm-up", "0", "-m", MODELS[0]]


def test_table(server: RunningServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a file molecules are made up, and a table tells what came of it."""
    assert main(["bench", "--server", server.address, *SHORT]) == 0
    lines = capsys.readouterr().out.splitlines()
    words = ["model", "load", "throughput", "latency", "from", "errors", "messages"]
    assert [line.split()[0] for line in lines] == words
    assert lines[5].split() == ["errors", "none"]


def test_json(server: RunningServer, molecule_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file's structures are asked about, and programs get JSON."""
    command = ["bench", str(molecule_file), "--server", server.address, "--mode", "batch", "--batch", "5"]
    assert main([*command, "--format", "json", *SHORT]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["load"]["mode"] == "batch"
    assert document["answered"] > 0
    assert document["errors"] == {}


def test_failures_make_the_exit_code(
    server: RunningServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Structures that are refused are told by reason, and the exit code is 1."""
    path = tmp_path / "salt.xyz"
    path.write_text("2\n\nNa 0 0 0\nCl 0 0 2.4\n")
    assert main(["bench", str(path), "--server", server.address, *SHORT]) == 1
    assert "UNKNOWN_ELEMENT" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--clients", "0"], 2, "`clients`"),
        (["--mode", "stream", "--rate", "5"], 2, "`rate`"),
        (["--timeout", "0"], 2, "`--timeout`"),
        (["-m", "no-such-model"], 3, "no-such-model"),
        (["no-such-file.xyz"], 2, "no such file"),
    ],
    ids=["clients", "rate of a stream", "timeout", "model", "file"],
)
def test_refusals(
    more: list[str], code: int, words: str, server: RunningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be measured is refused by name, with the exit code of other commands."""
    assert main(["bench", "--server", server.address, *SHORT, *more]) == code
    assert words in capsys.readouterr().err


def test_an_interrupt_prints_what_there_is(
    server: RunningServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends the run with its table and the exit code of an interrupt."""
    from atomlens.client.bench import generator

    join, calls = generator._join, []

    def interrupted_once(askers: list[generator._Asker]) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        join(askers)

    monkeypatch.setattr(generator, "_join", interrupted_once)
    assert main(["bench", "--server", server.address, "--seconds", "1000", "-m", MODELS[0]]) == 130
    assert "throughput" in capsys.readouterr().out
