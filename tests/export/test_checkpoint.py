"""`atomlens.export.checkpoint`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from atomlens.export.checkpoint import Checkpoint


@pytest.fixture
def checkpoint(toy_checkpoints: dict[str, Checkpoint]) -> Checkpoint:
    """A measured checkpoint."""
    return toy_checkpoints["toy-schnet-energy"]


def test_a_checkpoint_comes_back_as_it_was(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """Settings, weights and measurements survive the file, and nothing else is left beside it."""
    checkpoint.save(tmp_path / "best.pt")
    back = Checkpoint.load(tmp_path / "best.pt")
    assert back.differences(checkpoint) == []
    assert back.measured == checkpoint.measured
    assert back.command == checkpoint.command
    assert all(torch.equal(back.weights[name], tensor) for name, tensor in checkpoint.weights.items())
    assert [path.name for path in tmp_path.iterdir()] == ["best.pt"]


def test_differences_are_told_in_words(checkpoint: Checkpoint) -> None:
    """Each setting that differs is named with both values."""
    other = replace(checkpoint, training={**checkpoint.training, "seed": 9})
    assert checkpoint.differences(other) == ["training seed was 1, now 9"]
    network = {**checkpoint.model["network"], "features": 32, "elements": [1, 6, 7, 8]}
    head = {**checkpoint.model["head"], "offsets": dict.fromkeys(range(1, 90), -1.0 / 3)}
    other = replace(checkpoint, model={**checkpoint.model, "network": network, "head": head})
    assert checkpoint.differences(other) == [
        "model network features was 16, now 32",
        "model head offsets was another",
    ]


def test_weights_are_kept_apart_from_those_in_training(checkpoint: Checkpoint) -> None:
    """Training on does not change the best weights."""
    weights = {"w": torch.zeros(2)}
    kept = checkpoint.improved(weights, 3, 0.5)
    weights["w"].add_(1.0)
    assert torch.equal(kept.weights["w"], torch.zeros(2))
    assert (kept.epoch, kept.validation_mae) == (3, 0.5)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 truncated"])
def test_a_foreign_file_is_refused(content: bytes, tmp_path: Path) -> None:
    """The message names the file."""
    path = tmp_path / "best.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"best\.pt is no checkpoint"):
        Checkpoint.load(path)


def test_another_program_s_weights_are_refused(tmp_path: Path) -> None:
    """A file that torch can read but we did not write."""
    torch.save({"state_dict": {}}, tmp_path / "best.pt")
    with pytest.raises(ValueError, match=r"best\.pt is no checkpoint"):
        Checkpoint.load(tmp_path / "best.pt")
