"""`atomlens export`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from atomlens.client.cli import export

if TYPE_CHECKING:
    from atomlens.export.checkpoint import Checkpoint


def run(*arguments: str) -> int:
    """Run the command with these arguments."""
    parser = argparse.ArgumentParser()
    export.add_parser(parser.add_subparsers())
    args = parser.parse_args(["export", *arguments])
    return int(args.run(args))


@pytest.fixture
def checkpoint(toy_checkpoints: dict[str, Checkpoint], tmp_path: Path) -> Path:
    """A checkpoint in the directory of its run."""
    path = tmp_path / "runs" / "my-model" / "best.pt"
    path.parent.mkdir(parents=True)
    toy_checkpoints["toy-bpnn-dipole"].save(path)
    return path


def test_a_checkpoint_becomes_a_bundle(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model is named after its run, the table and the path are printed, options reach the card."""
    code = run(
        str(checkpoint),
        "-o",
        str(tmp_path / "models"),
        "--data",
        "G2",
        "--licence",
        "MIT",
        "--limit",
        "No ions.",
    )
    printed = capsys.readouterr().out
    version = tmp_path / "models" / "my-model" / "1"
    card = json.loads((version / "card.json").read_text())
    assert code == 0
    assert "largest training structure  charge" in printed
    assert printed.splitlines()[-1] == f"wrote {version}"
    assert (card["name"], card["licence"], card["training"]["data"]) == ("my-model", "MIT", "G2")
    assert card["limits"][-1] == "No ions."


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("runs/mine/best.pt", "mine"),
        ("checkpoints/schnet-qm9-energy.pt", "schnet-qm9-energy"),
        ("a.b.pt", "a.b"),
    ],
)
def test_a_model_is_named_after_its_run(path: str, name: str, tmp_path: Path) -> None:
    """The run's directory, or the name under which a checkpoint was kept apart from it."""
    assert export._name(tmp_path / path) == name


def test_a_checkpoint_kept_apart_keeps_its_name(checkpoint: Path, tmp_path: Path) -> None:
    """From file to bundle; an empty name given is one that is refused."""
    kept = checkpoint.rename(tmp_path / "kept-model.pt")
    assert run(str(kept), "-o", str(tmp_path / "models")) == 0
    assert (tmp_path / "models" / "kept-model" / "1" / "card.json").exists()
    with pytest.raises(ValueError, match="`name` must be"):
        run(str(kept), "-o", str(tmp_path / "models"), "--name", "")


def test_a_missing_checkpoint_is_an_error(tmp_path: Path) -> None:
    """The path is named."""
    with pytest.raises(ValueError, match=r"best\.pt is no file"):
        run(str(tmp_path / "best.pt"), "-o", str(tmp_path / "models"))


def test_a_bundle_that_fails_prints_its_table(
    checkpoint: Path,
    toy_checkpoints: dict[str, Checkpoint],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A graph with other weights: the rows go to standard error and nothing is written."""
    from atomlens.export import bundle
    from atomlens.export.form import ExactForm
    from atomlens.export.graphs import export_graphs

    other = toy_checkpoints["toy-bpnn-dipole"].build()
    torch.nn.init.ones_(other.get_parameter("network.networks.0.2.bias"))
    monkeypatch.setattr(bundle, "export_graphs", lambda *_: export_graphs(other, ExactForm(other)))
    with pytest.raises(ValueError, match=r"more than 0\.0001"):
        run(str(checkpoint), "-o", str(tmp_path / "models"))
    assert "above 0.0001" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()
