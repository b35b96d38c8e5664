"""`atomlens embedding`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from atomlens.client import Client
from atomlens.client.cli import embedding as command
from atomlens.client.cli.main import main
from atomlens.client.testing import RunningServer

from .conftest import MODELS

SYMBOLS = ["H", "C", "N", "O"]


def test_table(server: RunningServer, client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each element, the variance, and tests that four elements are too few for."""
    assert main(["embedding", MODELS[0], "--server", server.address]) == 0
    text = capsys.readouterr().out
    assert text.startswith(str(client.embedding(MODELS[0])))
    assert [line.split()[0] for line in text.splitlines()[3:7]] == SYMBOLS
    assert text.count("too few elements share a group") == 2


def test_json(server: RunningServer, client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """A document has the embedding and the tests."""
    assert main(["embedding", MODELS[0], "--server", server.address, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["rows"] == client.embedding(MODELS[0]).rows.tolist()
    assert document["periodicity"]["grouping"] is None


def test_server_and_process_agree(
    server: RunningServer, toy_repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a server says and what the models in this process say is the same."""
    answers = []
    for where in (["--server", server.address], ["--models", str(toy_repository)]):
        assert main(["embedding", f"{MODELS[1]}@1", "--format", "json", *where]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    assert answers[0] == answers[1]


BEGINNINGS = {
    ".html": b"<!doctype html>",
    ".png": b"\x89PNG",
    ".svg": b"<svg",
    ".csv": b"element,",
    ".json": b"{",
}


@pytest.mark.parametrize("suffix", [*command.SUFFIXES, ".HTML"])
def test_files(
    suffix: str, server: RunningServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The suffix says what is written, whole and with nothing beside it, and nothing is printed."""
    path = tmp_path / f"out{suffix}"
    assert main(["embedding", MODELS[0], "--server", server.address, "-o", str(path)]) == 0
    assert path.read_bytes().startswith(BEGINNINGS[suffix.lower()])
    assert list(tmp_path.iterdir()) == [path]
    assert capsys.readouterr().out == ""


def test_csv(server: RunningServer, client: Client, tmp_path: Path) -> None:
    """A table file has a row for each element, with all scores and features."""
    path = tmp_path / "out.csv"
    assert main(["embedding", MODELS[0], "--server", server.address, "-o", str(path)]) == 0
    with path.open() as file:
        rows = list(csv.DictReader(file))
    embedding = client.embedding(MODELS[0])
    assert [row["element"] for row in rows] == SYMBOLS
    np.testing.assert_array_equal([float(row["pc2"]) for row in rows], embedding.scores[:, 1])
    np.testing.assert_array_equal([float(row["feature3"]) for row in rows], embedding.rows[:, 3])


def test_unknown_suffix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A suffix that names no format is refused before anything is asked."""
    path = tmp_path / "plot.pdf"
    assert main(["embedding", MODELS[0], "--server", "127.0.0.1:1", "-o", str(path)]) == 2
    assert capsys.readouterr().err == (
        "atomlens: `output` must end in .html, .png, .svg, .csv, .json, got 'plot.pdf'\n"
    )


def test_a_model_without_embedding(
    server: RunningServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is one clear line, and a file that was there stays as it is."""
    path = tmp_path / "out.html"
    path.write_text("before")
    assert main(["embedding", "toy-bpnn-energy", "--server", server.address, "-o", str(path)]) == 3
    error = capsys.readouterr().err
    assert error == "atomlens: toy-bpnn-energy has no embedding: networks of the family 'bpnn' learn none\n"
    assert path.read_text() == "before"


def test_a_file_that_fails_is_not_there(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What breaks while a figure is drawn leaves no file and no part of one."""

    def fail(suffix: str, *_: object) -> bytes:
        raise OSError(f"no room for {suffix}")

    monkeypatch.setattr(command, "_content", fail)
    arguments = ["embedding", MODELS[0], "--server", server.address, "-o", str(tmp_path / "out.png")]
    assert main(arguments) == 2
    assert "no room for .png" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
