"""Clients that ask a real server."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from atomlens.client import Structure
from atomlens.client.bench import MODES, Load, generate, synthetic
from atomlens.client.bench import generator as generator_module
from atomlens.client.errors import InputError, UnavailableError, UnknownModelError
from atomlens.client.testing import RunningServer
from tests.client.conftest import MODELS, SALT

MOLECULES = synthetic(["H", "C", "N", "O"], 24)
SHORT: dict[str, Any] = {"seconds": 0.3, "warm_up_seconds": 0.0, "batch": 8}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode(mode: Any, server: RunningServer) -> None:
    """Each way to ask is answered, without errors, and gives latencies and bytes."""
    result = generate(server.address, MODELS[0], MOLECULES, Load(mode, clients=2, **SHORT))
    assert result.model == f"{MODELS[0]}@1"
    assert result.errors == {}
    assert result.answered > 0
    assert len(result.latencies_ms) > 0
    assert np.isfinite(result.latencies_ms).all()
    assert result.sent_bytes > 18 * 25 * 0.8
    assert result.received_bytes > 18 * 8


def test_an_open_loop_asks_as_often_as_told(server: RunningServer) -> None:
    """As many requests are due as the rate says, and each has a latency, sent or not."""
    result = generate(server.address, MODELS[0], MOLECULES, Load(clients=2, rate=50.0, **SHORT))
    assert len(result.latencies_ms) == 15
    assert len(result.late_ms) == 15


def test_a_rate_that_no_server_keeps_is_not_hidden(server: RunningServer) -> None:
    """Requests that nobody came to send are counted, with the time that they had waited."""
    load = Load(clients=1, rate=1e6, seconds=0.02, warm_up_seconds=0.0)
    result = generate(server.address, MODELS[0], MOLECULES, load)
    assert len(result.latencies_ms) == pytest.approx(20_000, abs=1)
    assert result.unsent > 10_000


@pytest.mark.parametrize("mode", MODES)
def test_failures_are_counted_by_reason(mode: Any, server: RunningServer) -> None:
    """Structures that the model does not know are errors of a reason, and no work that was done."""
    salt = Structure(SALT.numbers, SALT.positions)
    result = generate(server.address, MODELS[0], [salt], Load(mode, **SHORT))
    assert set(result.errors) == {"UNKNOWN_ELEMENT"}
    assert result.answered == 0


def test_what_cannot_be_asked(server: RunningServer) -> None:
    """No structures, no such model and no server are told before anything is measured."""
    with pytest.raises(InputError, match="`structures`"):
        generate(server.address, MODELS[0], [], Load())
    with pytest.raises(UnknownModelError):
        generate(server.address, "no-such-model", MOLECULES, Load())
    with pytest.raises(UnavailableError):
        generate("127.0.0.1:1", MODELS[0], MOLECULES, Load(), timeout_seconds=5.0)


def test_an_interrupt_ends_the_run(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C leaves what was measured until then, and no client behind."""
    before, join = threading.active_count(), generator_module._join
    calls = []

    def interrupted_once(askers: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        join(askers)

    monkeypatch.setattr(generator_module, "_join", interrupted_once)
    result = generate(server.address, MODELS[0], MOLECULES, Load(seconds=1000.0, warm_up_seconds=0.0))
    assert result.interrupted
    assert not any(thread.name == "atomlens-bench" for thread in threading.enumerate())
    assert threading.active_count() <= before + 2  # what gRPC keeps


def test_a_bug_is_not_taken_for_a_slow_server(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is none of the client's ends the run and is raised."""

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("atomlens.client.client.Client.explain", broken)
    with pytest.raises(RuntimeError, match="broken"):
        generate(server.address, MODELS[0], MOLECULES, Load(seconds=1000.0))
