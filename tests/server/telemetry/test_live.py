"""`atomlens.server.telemetry.live`."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from atomlens.server.telemetry.live import LiveValues


@pytest.fixture
def live() -> LiveValues:
    """Live values nobody said how to read."""
    return LiveValues()


def value(live: LiveValues, name: str, **labels: str) -> float | None:
    """Return what is served under a name."""
    registry = CollectorRegistry()
    registry.register(live)
    return registry.get_sample_value(name, labels)


def test_live_values_are_read_when_they_are_asked_for(live: LiveValues) -> None:
    """One value, or one for each combination of labels."""
    waiting: dict[tuple[str, ...], float] = {("interactive",): 3.0}
    live.read_with("atomlens_queue_atoms", lambda: waiting)
    live.read_with("atomlens_ready", lambda: 1.0)
    assert value(live, "atomlens_queue_atoms", priority="interactive") == 3
    waiting[("bulk",)] = 9.0
    assert value(live, "atomlens_queue_atoms", priority="bulk") == 9
    assert value(live, "atomlens_ready") == 1


def test_a_value_that_cannot_be_read_spoils_no_other(
    live: LiveValues, caplog: pytest.LogCaptureFixture
) -> None:
    """It is left out, and the log has the reason."""
    live.read_with("atomlens_queue_cost", lambda: 1 / 0)
    live.read_with("atomlens_ready", lambda: 1.0)
    assert value(live, "atomlens_ready") == 1
    assert value(live, "atomlens_queue_cost") is None
    assert "the metric atomlens_queue_cost cannot be read" in caplog.text


def test_what_is_not_in_the_table_cannot_be_read(live: LiveValues) -> None:
    """Nor what is told and not read."""
    for name in ("atomlens_nothing", "atomlens_calls_total"):
        with pytest.raises(KeyError, match=name):
            live.read_with(name, lambda: 0.0)
