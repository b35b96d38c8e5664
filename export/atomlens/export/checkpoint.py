"""Checkpoint: a model's best weights with all that is known of how they came about."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from atomlens.export.dataset import Dataset
from atomlens.export.model import Model, ModelSettings

LONGEST = 120  # characters of a difference that is told in full


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
            "periodic": int(data.structures.pbc.any(1).sum()),
            "fingerprint": _fingerprint(data),
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
        mine, theirs = (
            {
                name: value
                for part in ("model", "training", "data")
                for name, value in _settings(part, getattr(run, part))
            }
            for run in (self, other)
        )
        changed = [name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)]
        return [_difference(name, mine.get(name), theirs.get(name)) for name in changed]

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
            return cls(**load_plain(path))
        except TypeError as error:
            raise ValueError(f"{path} is no checkpoint of `atomlens train`") from error


def load_plain(path: Path) -> dict[str, Any]:
    """Return what a file of tensors and plain values holds; nothing in it is executed.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged or no such file.
    """
    content = io.BytesIO(path.read_bytes())
    try:
        return dict(torch.load(content, weights_only=True))
    except Exception as error:  # torch's own words advise to trust the file
        raise ValueError(f"{path} is no checkpoint of `atomlens train`, or damaged") from error


def _fingerprint(data: Dataset) -> str:
    """Return a digest of labels, split and structures."""
    structures, digest = data.structures, hashlib.sha256()
    for array in (
        *(data.labels, data.split, structures.counts, structures.numbers),
        *(structures.positions, structures.cells, structures.pbc),
    ):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _settings(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield each setting under its full name, tuples as the lists that a checkpoint gives back."""
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        for key, item in value.items():
            yield from _settings(f"{name} {key}", item)
    else:
        yield name, list(value) if isinstance(value, tuple) else value


def _difference(name: str, before: Any, now: Any) -> str:
    if name == "data fingerprint":
        return "labels, split or structures are others"
    words = f"{name} was {before}, now {now}"
    return words if len(words) <= LONGEST else f"{name} was another"
