"""Bytes from the other side, nearly right: whoever reads them raises what is meant to be raised."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz.mutations import mutated
from tests.fuzz.replay import frame, frames
from tests.fuzz.targets import Target, targets

ROUNDS = 2000
NAMES = (
    *(f"server-{name}" for name in ("structures", "chunk", "options", "probe", "inference")),
    *(f"client-{name}" for name in ("explain", "batch", "stream", "batches", "models", "card", "embedding")),
    *(f"client-{name}" for name in ("points", "grid", "status")),
)


@pytest.fixture(scope="module")
def known(toy_repository: Path) -> dict[str, Target]:
    """All targets, on the toy models."""
    return targets(toy_repository, "toy-schnet-energy", "toy-schnet-dipole")


def test_every_target_is_known(known: dict[str, Target]) -> None:
    """None is forgotten here, and each has something to begin with."""
    assert set(known) == set(NAMES)
    assert all(target.seeds for target in known.values())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_nearly_right_does_no_harm(name: str, known: dict[str, Target]) -> None:
    """The server tells its caller what to change; the client raises its own errors."""
    target, source = known[name], random.Random(name)
    for seed in (*target.seeds, b"", b"\xff" * 9):
        target.read(seed)
    for _ in range(ROUNDS):
        data = mutated(target.seeds, source)
        try:
            target.read(data)
        except BaseException as error:
            error.add_note(f"{name} read {data.hex()}")
            raise


def test_frames_hold_messages() -> None:
    """What was framed comes apart again, and so does what is cut off."""
    parts = [b"", b"a", b"bc" * 300]
    assert frames(frame(parts)) == parts
    assert frames(frame(parts)[:-1]) == [*parts[:-1], parts[-1][:-1]]
