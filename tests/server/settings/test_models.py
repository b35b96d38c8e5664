"""`atomlens.server.settings.models`."""

from __future__ import annotations

from typing import Any

import pytest

from atomlens.server.bundle import MAX_GRAPH_MIB
from atomlens.server.settings import ModelsSettings


def test_by_default_the_repository_is_watched_and_what_is_loaded_is_bounded() -> None:
    """In versions and in bytes."""
    settings = ModelsSettings()
    assert (settings.models_poll_seconds, settings.max_model_versions) == (10.0, 8)
    assert settings.max_graph_mib == MAX_GRAPH_MIB


def test_polling_and_the_bound_of_versions_can_be_turned_off() -> None:
    """With a zero."""
    settings = ModelsSettings(models_poll_seconds=0.0, max_model_versions=0)
    assert (settings.models_poll_seconds, settings.max_model_versions) == (0.0, 0)


@pytest.mark.parametrize(
    ("changes", "limit", "expected"),
    [
        ({}, None, 0),
        ({}, 4 * 2**30, 3072),
        ({}, 2**30, 384),
        ({}, 2**28, 64),
        ({"runtime_memory_mib": 100}, 4 * 2**30, 100),
        ({"provider": "cuda"}, 4 * 2**30, 0),
        ({"provider": "cuda", "runtime_memory_mib": 100}, None, 100),
    ],
    ids=[
        "nothing limits",
        "a container does",
        "a small one",
        "too small a one",
        "both",
        "a container with a GPU",
        "a GPU and a setting",
    ],
)
def test_models_leave_a_container_some_of_its_memory(
    changes: dict[str, Any], limit: int | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless it is said how much they may take; of a GPU's memory its limit says nothing."""
    monkeypatch.setattr("atomlens.server.settings.models.memory_limit", lambda: limit)
    assert ModelsSettings(**changes).runtime_limit_mib == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"provider": "gpu"}, "`provider` must be cpu or cuda or cuda-tf32, got 'gpu'"),
        ({"models_poll_seconds": -1.0}, "`models_poll_seconds` must be finite and not negative"),
        ({"models_poll_seconds": float("inf")}, "`models_poll_seconds` must be finite and not negative"),
        ({"models_poll_seconds": float("nan")}, "`models_poll_seconds` must be finite and not negative"),
        ({"max_model_versions": -1}, "`max_model_versions` must be finite and not negative, got -1"),
        ({"runtime_memory_mib": -1}, "`runtime_memory_mib` must be finite and not negative, got -1"),
        ({"max_graph_mib": 0}, "`max_graph_mib` must be positive, got 0"),
        ({"max_graph_mib": 2048}, "`max_graph_mib` must be at most 2047, got 2048"),
    ],
)
def test_other_values_are_refused(changes: dict[str, Any], message: str) -> None:
    """With the name of the setting and the rule."""
    with pytest.raises(ValueError, match=message):
        ModelsSettings(**changes)
