"""The committed checkpoints: what the bundled models were made of, and can be made of again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from atomlens.export.checkpoint import Checkpoint
from atomlens.export.verification import reference
from atomlens.server.bundle import CARD
from atomlens.server.card import Card
from atomlens.server.cases import CASES, load_cases

ROOT = Path(__file__).parents[2]
CHECKPOINTS = sorted((ROOT / "checkpoints").glob("*.pt"))
MODELS = ROOT / "server" / "atomlens" / "server" / "models"


def latest(name: str) -> Path:
    """Return the highest version of a bundled model."""
    return max((MODELS / name).iterdir(), key=lambda version: int(version.name))


def test_every_bundled_model_has_its_checkpoint() -> None:
    """And every checkpoint is bundled."""
    assert [path.stem for path in CHECKPOINTS] == sorted(path.name for path in MODELS.iterdir())


@pytest.mark.parametrize("path", CHECKPOINTS, ids=lambda path: path.stem)
def test_a_checkpoint_says_what_its_bundle_says(path: Path) -> None:
    """The network in float64 gives the stored answers of the bundle's cases to the last digits."""
    bundle = latest(path.stem)
    (head,) = Card.from_json((bundle / CARD).read_bytes()).heads
    model = Checkpoint.load(path).build().double()
    for case in load_cases((bundle / CASES).read_bytes()):
        found = reference(model, case.structures)[head.name]
        np.testing.assert_allclose(found, case.contributions[head.name], rtol=1e-9, atol=1e-9)
