"""`atomlens models`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from atomlens.client.card import ModelStatus
from atomlens.client.cli import models
from atomlens.client.cli.main import main
from atomlens.client.elements import SYMBOLS
from atomlens.client.testing import RunningServer

from .conftest import MODELS


@pytest.fixture
def damaged(toy_repository: Path, tmp_path: Path) -> Path:
    """Return a repository in which one model is broken."""
    shutil.copytree(toy_repository, tmp_path / "models")
    graph = tmp_path / "models" / "toy-bpnn-energy" / "1" / "atoms.onnx"
    graph.write_bytes(graph.read_bytes()[:100])
    return tmp_path / "models"


def test_list(server: RunningServer, capsys: pytest.CaptureFixture[str]) -> None:
    """There is a line for each model with heads, elements, test error and state."""
    assert main(["models", "--server", server.address]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["model", "family", "heads", "elements", "test", "MAE", "state"]
    assert len(rows) == 7
    (energy,) = [row for row in rows if row.startswith("toy-schnet-energy@1 ")]
    assert "schnet  energy" in energy
    assert "H C N O" in energy
    assert " eV " in energy
    assert energy.endswith("ready on cpu")


def test_failed_model(damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model that could not be loaded is listed with the reason, the others beside it."""
    assert main(["models", "--models", str(damaged)]) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert sum(row.endswith("ready on cpu") for row in rows) == 6
    (failed,) = [row for row in rows if "failed: " in row]
    assert failed.startswith("toy-bpnn-energy@1")
    assert main(["models", "--models", str(damaged), "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [model["name"] for model in document if not model["ready"]] == ["toy-bpnn-energy"]
    assert all(bool(model["reason"]) is not model["ready"] for model in document)


def test_reason_of_several_lines() -> None:
    """A reason of several lines is one line of the table."""
    status = ModelStatus("m", 1, "", "failed", "first\n  second\n", "cpu", "", (), (), False)
    (header, row) = models._table([models._row(status, None)]).splitlines()
    assert header.startswith("model")
    assert row.endswith("failed: first second")


def test_many_elements() -> None:
    """A line names a dozen elements, and of more their number and range."""
    few, many = (SYMBOLS[1:13], SYMBOLS[1:95])
    rows = [
        models._row(ModelStatus("m", 1, "", "ready", "", "cpu", "schnet", ("e",), symbols, True), None)
        for symbols in (few, many)
    ]
    assert [row[3] for row in rows] == ["H He Li Be B C N O F Ne Na Mg", "94 from H to Pu"]


def test_failed_model_cannot_be_asked(
    damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asking a model that could not be loaded says so."""
    (tmp_path / "h2.xyz").write_text("2\n\nH 0 0 0\nH 0 0 1\n")
    arguments = ["explain", str(tmp_path / "h2.xyz"), "--models", str(damaged)]
    assert main([*arguments, "-m", "toy-bpnn-energy"]) == 3
    assert "toy-bpnn-energy" in capsys.readouterr().err
    assert main([*arguments, "-m", "toy-schnet-energy"]) == 0


def test_card(server: RunningServer, capsys: pytest.CaptureFixture[str]) -> None:
    """One model's card is shown for people and for programs."""
    assert main(["models", MODELS[1], "--server", server.address]) == 0
    text = capsys.readouterr().out
    assert "charge in e, dipole in e·Å" in text
    assert main(["models", MODELS[1], "--server", server.address, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["card"]["name"] == MODELS[1]
    assert document["status"]["digest"] in text


def test_unknown(server: RunningServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A model that there is not is one clear line."""
    assert main(["models", "nothing", "--server", server.address]) == 3
    assert capsys.readouterr().err.count("\n") == 1
