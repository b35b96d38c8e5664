"""`atomlens.server.session`."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest

from atomlens.server.errors import EngineError
from atomlens.server.model import Model
from atomlens.server.neighbors import NeighborTable
from atomlens.server.session import AtomsSession, ProviderError, check_provider
from atomlens.server.structures import Structures

WITHOUT_CUDA = "CUDAExecutionProvider" not in ort.get_available_providers()


def test_cpu_is_always_there() -> None:
    """Nothing is raised."""
    check_provider("cpu")


def test_a_provider_that_the_runtime_lacks_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what the runtime has and what to install."""
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ProviderError, match=r"`provider` cuda is not in this build .* atomlens\[gpu\]"):
        check_provider("cuda")


@pytest.mark.skipif(not WITHOUT_CUDA, reason="this runtime has CUDA and may grant it")
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_provider_that_is_not_granted_is_an_error(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that promises CUDA and then runs on the CPU is never taken for the GPU."""
    monkeypatch.setattr(
        ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(ort, "preload_dlls", lambda: None)
    with pytest.raises(ProviderError, match="cuda was asked for and the runtime did not grant it"):
        AtomsSession(model.bundle.atoms, model.card, "cuda")


def test_the_runtime_does_not_change_providers_later(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own fallback to the CPU, when a run fails, is off."""
    made: list[ort.InferenceSession] = []
    real = ort.InferenceSession

    def spy(*args: object, **kwargs: object) -> ort.InferenceSession:
        made.append(real(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(ort, "InferenceSession", spy)
    AtomsSession(model.bundle.atoms, model.card, "cpu")
    assert made[0]._enable_fallback is False


def test_contributions_are_float64_from_float32(model: Model, water: Structures) -> None:
    """One number for each atom and head."""
    outputs = model.run(model.prepare(water))
    assert set(outputs) == {"energy"}
    assert outputs["energy"].dtype == np.float64
    assert np.array_equal(outputs["energy"], outputs["energy"].astype(np.float32))


def test_an_error_of_the_runtime_is_an_engine_error(model: Model) -> None:
    """In one line."""
    session = AtomsSession(model.bundle.atoms, model.card, "cpu")
    table = NeighborTable(np.array([[7]]), np.zeros((1, 1, 3), np.float32))  # there is no atom 7
    with pytest.raises(EngineError, match="the runtime failed: ") as caught:
        session.run(np.array([1]), np.zeros((1, 3), np.float32), table)
    assert "\n" not in str(caught.value)
