"""Checkpoint: a model's best weights with all that is known of how they came about."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from atomlens.export.dataset import Dataset
from atomlens.export.model import Model, ModelSettings


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What `atomlens train` leaves behind and `atomlens export` reads."""

    model: dict[str, Any]
    training: dict[str, Any]
    data: dict[str, Any]
    weights: dict[str, torch.Tensor]
    epoch: int  # of the weights
    epochs_run: int
    validation_mae: float
    seconds: float
    measured: dict[str, Any]  # by `measure`, once training has ended
    command: str

    @classmethod
    def unstarted(cls, model: ModelSettings, training: dict[str, Any], data: Dataset) -> Checkpoint:
        """Return the checkpoint of a run before its first epoch."""
        described = {
            "source": data.source,
            "label": data.label,
            "unit": data.unit,
            "sizes": data.sizes,
            "fingerprint": hashlib.sha256(data.labels.tobytes() + data.split.tobytes()).hexdigest(),
        }
        return cls(model.to_dict(), training, described, {}, 0, 0, math.inf, 0.0, {}, "")

    def after_epoch(self, epoch: int, seconds: float) -> Checkpoint:
        """Return the checkpoint with another epoch's time on it."""
        return replace(self, epochs_run=epoch, seconds=self.seconds + seconds)

    def improved(self, weights: dict[str, torch.Tensor], epoch: int, validation_mae: float) -> Checkpoint:
        """Return the checkpoint with better weights."""
        kept = {name: tensor.detach().clone() for name, tensor in weights.items()}
        return replace(self, weights=kept, epoch=epoch, validation_mae=validation_mae, measured={})

    def differences(self, other: Checkpoint) -> list[str]:
        """Return in words where settings or data differ."""
        found = []
        for part in ("model", "training", "data"):
            mine, theirs = getattr(self, part), getattr(other, part)
            found += [
                f"{part} {key} was {mine.get(key)}, now {theirs.get(key)}"
                for key in sorted({*mine, *theirs})
                if _plain(mine.get(key)) != _plain(theirs.get(key))
            ]
        return found

    def build(self) -> Model:
        """Return the model with its weights, ready to be evaluated."""
        model = Model(ModelSettings.from_dict(self.model))
        model.load_state_dict(self.weights)
        return model.eval()

    def save(self, path: Path) -> None:
        """Write the checkpoint, whole or not at all."""
        partial = path.with_name(path.name + ".partial")
        torch.save(asdict(self), partial)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read a checkpoint; nothing in the file is executed.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no checkpoint of ours.
        """
        try:
            return cls(**torch.load(path, weights_only=True))
        except OSError:
            raise
        except Exception as error:  # torch's own words advise to trust the file
            raise ValueError(f"{path} is no checkpoint of `atomlens train`") from error


def _plain(value: Any) -> Any:
    """Return the value with tuples as lists, as a checkpoint gives them back."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value
