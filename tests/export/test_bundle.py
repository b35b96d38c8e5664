"""`atomlens.export.bundle`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf import json_format

from atomlens.export import bundle
from atomlens.export.bundle import card_json, export_bundle, write_version
from atomlens.export.card import Description
from atomlens.export.checkpoint import Checkpoint
from atomlens.export.compiled.compilation import compile_model
from atomlens.export.form import Form
from atomlens.export.graphs import export_graphs
from atomlens.export.model import Model
from atomlens.export.verification import VerificationError
from atomlens.server.verification import CLOSE, IN_PLACE
from atomlens.v1 import card_pb2

NAMES = [
    *("toy-schnet-energy", "toy-schnet-dipole", "toy-schnet-extent", "toy-schnet-formation"),
    *("toy-bpnn-energy", "toy-bpnn-dipole", "toy-bpnn-formation"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_vouches_for_its_files(name: str, toy_repository: Path) -> None:
    """The card has the SHA-256 of every other file, and the rows of a verification that passed."""
    version = toy_repository / name / "1"
    card = json_format.Parse((version / "card.json").read_bytes(), card_pb2.ModelCard())
    others = {path.name: path.read_bytes() for path in version.iterdir() if path.name != "card.json"}
    assert dict(card.files) == {file: hashlib.sha256(content).hexdigest() for file, content in others.items()}
    assert set(others) == {"atoms.onnx", "molecules.onnx", "probe.onnx", "verification.npz"}
    assert {"random molecules", "probes, random molecules", CLOSE, IN_PLACE} <= {
        row.case for row in card.export.verification
    }
    assert max(row.largest_error for row in card.export.verification) < card.export.tolerance


def test_a_card_is_the_same_bytes_every_time() -> None:
    """Fields are in the message's order, maps are sorted by number, whole numbers are written as such."""
    card = card_pb2.ModelCard(
        contract=1, name="toy", masses={26: 55.8, 8: 16.0, 1: 1.008}, files={"b": "2", "a": "1"}
    )
    card.network.update({"features": 64, "blocks": 3})
    fields = json.loads(card_json(card))
    assert list(fields) == ["contract", "name", "masses", "network", "files"]
    assert list(fields["masses"]) == ["1", "8", "26"]
    assert list(fields["network"]) == ["blocks", "features"]
    assert b'"features": 64\n' in card_json(card)
    assert json_format.Parse(card_json(card), card_pb2.ModelCard()) == card


def test_versions_count_upwards(tmp_path: Path) -> None:
    """Each version is one above the highest, whatever else lies in the directory."""
    model = tmp_path / "models" / "toy"
    assert write_version(model, {"card.json": b"{}"}) == model / "1"
    (model / "7").mkdir()
    (model / "notes").mkdir()
    path = write_version(model, {"card.json": b"{}"})
    assert path == model / "8"
    assert (path / "card.json").read_bytes() == b"{}"


def test_a_version_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """When a file cannot be written nothing is left behind."""
    with pytest.raises(FileNotFoundError):
        write_version(tmp_path / "toy", {"card.json": b"{}", "no/such/directory": b""})
    assert list((tmp_path / "toy").iterdir()) == []


@pytest.mark.parametrize("file", ["atoms.onnx", "molecules.onnx", "probe.onnx"])
def test_a_graph_that_fails_verification_is_not_written(
    file: str,
    toy_checkpoints: dict[str, Checkpoint],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A graph of another model's weights is refused and the repository stays empty."""
    checkpoint = toy_checkpoints["toy-bpnn-energy"]
    other = replace(
        checkpoint, weights={name: one + 0.05 for name, one in checkpoint.weights.items()}
    ).build()

    def mixed(model: Model, form: Form) -> dict[str, bytes]:
        wrong = export_graphs(other, compile_model(other, []))
        return export_graphs(model, form) | {file: wrong[file]}

    monkeypatch.setattr(bundle, "export_graphs", mixed)
    with pytest.raises(VerificationError, match="differs from the network"):
        export_bundle(checkpoint, tmp_path / "models", Description("toy"))
    assert not (tmp_path / "models").exists()


def test_a_model_may_be_exported_as_it_was_trained(
    toy_checkpoints: dict[str, Checkpoint], tmp_path: Path
) -> None:
    """An exact bundle has no dense graph, says so on its card, and is verified like any other."""
    path, rows = export_bundle(toy_checkpoints["toy-schnet-energy"], tmp_path, Description("toy"), exact=True)
    card = json.loads((path / "card.json").read_text())
    assert "molecules.onnx" not in card["files"]
    assert "as trained" in card["export"]["method"]
    assert "terms" not in card["export"]
    assert max(row.largest_error for row in rows) < 1e-4


def test_the_card_says_how_a_model_was_compiled(toy_repository: Path) -> None:
    """Method, terms where filters are expanded, and the largest error found."""
    for name, terms in (("toy-schnet-energy", True), ("toy-bpnn-energy", False)):
        export = json.loads((toy_repository / name / "1" / "card.json").read_text())["export"]
        assert export["method"]
        assert ("terms" in export) == terms
        assert 0 < export["largest_error"] <= 1e-4


def test_an_unfinished_training_is_not_exported(
    toy_checkpoints: dict[str, Checkpoint], tmp_path: Path
) -> None:
    """Without measured errors there is no card."""
    unfinished = replace(toy_checkpoints["toy-bpnn-energy"], measured={})
    with pytest.raises(ValueError, match="--resume"):
        export_bundle(unfinished, tmp_path, Description("toy"))
