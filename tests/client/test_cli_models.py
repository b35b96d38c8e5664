"""`atomlens models`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from atomlens.client import Client
from atomlens.client.card import Card, ModelStatus
from atomlens.client.cli import models
from atomlens.client.cli.main import main
from atomlens.client.elements import SYMBOLS
from atomlens.client.testing import RunningServer, serve
from tests.server.published import Published

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


def test_a_model_that_goes_while_it_is_listed_has_a_line_without_its_card(
    server: RunningServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are listed whole."""
    real = Client.model

    def gone(client: Client, name: str) -> Card:
        return real(client, "gone" if name.startswith("toy-bpnn-energy@") else name)

    monkeypatch.setattr(Client, "model", gone)
    assert main(["models", "--server", server.address]) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [" eV " in row for row in rows if row.startswith(("toy-bpnn-energy@", "toy-schnet-energy@"))] == [
        False,
        True,
    ]


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


@pytest.fixture
def published(toy_repository: Path, tmp_path: Path) -> Published:
    """Return a repository with version 1 of a model."""
    published = Published(toy_repository, tmp_path / "models")
    published.publish(1)
    return published


def test_refresh(published: Published, capsys: pytest.CaptureFixture[str]) -> None:
    """A step of a deployment: publish, refresh, see; it fails where a version cannot be served."""
    with serve(published.root, models_poll_seconds=0.0) as server:
        published.publish(2)
        assert main(["models", "--server", server.address]) == 0
        assert "@2" not in capsys.readouterr().out
        assert main(["models", "--refresh", "--server", server.address]) == 0
        rows = capsys.readouterr().out.splitlines()[1:]
        assert [row.split()[0] for row in rows] == [f"{published.name}@1", f"{published.name}@2"]
        assert [row.split("  ")[0].endswith("(not the default)") for row in rows] == [True, False]
        published.publish(3, contract=7)
        assert main(["models", "--refresh", "--server", server.address]) == 3
        (failed,) = capsys.readouterr().out.splitlines()[3:]
        assert failed.endswith("failed: card.json: `contract` must be 1, got 7")
        assert main(["models", "--server", server.address]) == 0


def test_refresh_of_a_repository_that_is_gone(
    published: Published, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails with the reason; the models serve on."""
    with serve(published.root, models_poll_seconds=0.0) as server:
        shutil.rmtree(published.root)
        assert main(["models", "--refresh", "--server", server.address]) == 3
        assert "is no model repository: No such file" in capsys.readouterr().err
        assert main(["models", "--server", server.address]) == 0


def test_changed_in_place(published: Published, capsys: pytest.CaptureFixture[str]) -> None:
    """A version whose files are not those that are served says so in its row."""
    with serve(published.root, models_poll_seconds=0.0) as server:
        (published.path(1) / "probe.onnx").unlink()
        assert main(["models", "--refresh", "--server", server.address]) == 0
        assert "ready on cpu: its files on the disk are not those that were loaded" in capsys.readouterr().out


def test_refresh_is_for_all(capsys: pytest.CaptureFixture[str]) -> None:
    """And not for one model."""
    assert main(["models", "m", "--refresh"]) == 2
    assert "`--refresh` is for all models" in capsys.readouterr().err
