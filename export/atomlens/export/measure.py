"""Measure: what a trained model's card must say that only data can tell."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from atomlens.export.checkpoint import Checkpoint
from atomlens.export.dataset import SPLITS, Dataset
from atomlens.export.model import Model
from atomlens.export.ragged import RaggedData
from atomlens.export.training import predict, without_offsets
from atomlens.server.structures import Floats, Structures


def measure(checkpoint: Checkpoint, data: Dataset, command: str) -> Checkpoint:
    """Return the checkpoint with errors, contributions per element, closest pairs and the largest molecule.

    What training leaves open is settled first: constant and sign of charges.
    """
    model = checkpoint.build()
    ragged = [_ragged(model, data, index) for index in range(3)]
    numbers = torch.from_numpy(ragged[0].structures.numbers)
    turned = model.head.settle(torch.from_numpy(_contributions(model, ragged[0])), numbers)
    contributions = _contributions(model, ragged[0])
    measured = {
        "errors": [_errors(model, ragged[index], SPLITS[index], data.unit) for index in (1, 2)],
        "contributions": _by_element(contributions, ragged[0]),
        "closest": _closest(ragged[0]),
        "largest": _largest(ragged[0].structures),
        "hardware": f"{_processor()}, {checkpoint.training['threads']} thread(s), torch {torch.__version__}",
        "sign_flipped": turned != checkpoint.measured.get("sign_flipped", False),  # turned again: as it was
    }
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    return replace(checkpoint, weights=weights, measured=measured, command=command)


def _ragged(model: Model, data: Dataset, index: int) -> RaggedData:
    part = data.part(index)
    targets = torch.from_numpy(without_offsets(part, model.settings.head.offsets))
    return RaggedData(part.structures, targets, model.network, torch.float32)


@torch.no_grad()
def _contributions(model: Model, data: RaggedData) -> Floats:
    parts = [model(batch.numbers, batch.prepared)[0] for batch in data.batches(256)]
    return torch.cat(parts).double().numpy()


@torch.no_grad()
def _errors(model: Model, data: RaggedData, split: str, unit: str) -> dict[str, Any]:
    parts = [predict(model, batch).double() - batch.labels for batch in data.batches(256)]
    errors = torch.cat(parts).numpy()
    mae, rmse = float(np.abs(errors).mean()), float(np.sqrt((errors**2).mean()))
    return {"split": split, "structures": len(errors), "mae": mae, "rmse": rmse, "unit": unit}


def _by_element(contributions: Floats, data: RaggedData) -> list[dict[str, Any]]:
    rows = []
    for number in np.unique(data.structures.numbers):
        mine = contributions[data.structures.numbers == number]
        rows.append(
            {
                "number": int(number),
                "mean": float(mine.mean()),
                "deviation": float(mine.std()),
                "atoms": len(mine),
            }
        )
    return rows


def _closest(data: RaggedData) -> list[dict[str, Any]]:
    """Return the closest distance of every pair of elements that met within the cutoff."""
    i, j = data.pairs.centers, data.pairs.neighbors
    vectors = data.positions[j] + data.pairs.shifts - data.positions[i]
    distances = np.sqrt((vectors**2).sum(1))
    numbers = np.sort(np.stack([data.structures.numbers[i], data.structures.numbers[j]], 1), axis=1)
    kinds, which = np.unique(numbers[:, 0] * 1000 + numbers[:, 1], return_inverse=True)
    closest = np.full(len(kinds), np.inf)
    np.minimum.at(closest, which, distances)
    return [
        {"numbers": [int(kind // 1000), int(kind % 1000)], "distance": float(distance)}
        for kind, distance in zip(kinds, closest, strict=True)
    ]


def _largest(structures: Structures) -> dict[str, Any]:
    """Return the largest training structure: it sets a limit and is an example for verification."""
    one = structures.take([int(structures.counts.argmax())])
    return {
        "numbers": one.numbers.tolist(),
        "positions": one.positions.tolist(),
        "cell": one.cells[0].tolist(),
        "pbc": one.pbc[0].tolist(),
    }


def _processor() -> str:
    """Return the processor's name, as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
