"""`atomlens.server.telemetry.metrics`."""

from __future__ import annotations

from threading import Thread

import pytest

from atomlens.server.telemetry.metrics import STATES, Metrics


@pytest.fixture
def metrics() -> Metrics:
    """Metrics nobody told anything."""
    return Metrics()


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Return what is served under a name."""
    return metrics.registry.get_sample_value(name, labels)


def test_a_call_is_in_progress_until_it_ends_and_then_counted_by_its_code(metrics: Metrics) -> None:
    """Its time is observed, and no failure is counted."""
    metrics.call_started("Explain")
    assert value(metrics, "atomlens_calls_in_progress", method="Explain") == 1
    metrics.call_ended("Explain", "OK", "", 0.25)
    assert value(metrics, "atomlens_calls_in_progress", method="Explain") == 0
    assert value(metrics, "atomlens_calls_total", method="Explain", code="OK") == 1
    assert value(metrics, "atomlens_call_seconds_sum", method="Explain") == 0.25
    (failures,) = [one for one in metrics.registry.collect() if one.name == "atomlens_call_failures"]
    assert not failures.samples


def test_a_failed_call_is_counted_by_its_reason_or_else_by_its_code(metrics: Metrics) -> None:
    """What ends without one of our reasons, a client that left, has gRPC's name."""
    for reason in ("QUEUE_FULL", ""):
        metrics.call_started("Explain")
        metrics.call_ended("Explain", "CANCELLED", reason, 0.0)
    for reason in ("QUEUE_FULL", "CANCELLED"):
        assert value(metrics, "atomlens_call_failures_total", method="Explain", reason=reason) == 1


def test_a_batch_tells_its_size_its_fill_its_padding_and_its_time(metrics: Metrics) -> None:
    """By the name of the model."""
    metrics.batch("m", 3, 200, 1000, 90, 10, 0.5)
    assert value(metrics, "atomlens_batch_structures_sum", model="m") == 3
    assert value(metrics, "atomlens_batch_fill_ratio_sum", model="m") == 0.2
    assert value(metrics, "atomlens_batch_cost_total", model="m") == 200
    assert value(metrics, "atomlens_batch_filled_slots_total", model="m") == 90
    assert value(metrics, "atomlens_batch_padded_slots_total", model="m") == 10
    assert value(metrics, "atomlens_inference_seconds_sum", model="m") == 0.5
    assert value(metrics, "atomlens_inference_seconds_count", model="m") == 1


def test_what_happens_to_work_and_structures_is_counted(metrics: Metrics) -> None:
    """Each under its own name and reason."""
    metrics.structures_answered("m", 7)
    metrics.structures_failed("TOO_CLOSE", 2)
    metrics.waited("bulk", 1.5)
    metrics.refused("QUEUE_FULL")
    metrics.dropped("DEADLINE")
    metrics.out_of_memory("m")
    metrics.worker_replaced()
    metrics.probed(4096)
    metrics.log_lines_dropped(5)
    assert value(metrics, "atomlens_structures_total", model="m") == 7
    assert value(metrics, "atomlens_structure_failures_total", reason="TOO_CLOSE") == 2
    assert value(metrics, "atomlens_queue_seconds_sum", priority="bulk") == 1.5
    assert value(metrics, "atomlens_work_refused_total", reason="QUEUE_FULL") == 1
    assert value(metrics, "atomlens_work_dropped_total", reason="DEADLINE") == 1
    assert value(metrics, "atomlens_out_of_memory_total", model="m") == 1
    assert value(metrics, "atomlens_workers_replaced_total") == 1
    assert value(metrics, "atomlens_probe_points_total") == 4096
    assert value(metrics, "atomlens_log_lines_dropped_total") == 5


def test_streams_are_counted_while_they_are_open(metrics: Metrics) -> None:
    """By their kind."""
    metrics.stream_opened("explain")
    metrics.stream_opened("explain")
    metrics.stream_opened("probe")
    metrics.stream_closed("explain")
    assert value(metrics, "atomlens_streams_open", kind="explain") == 1
    assert value(metrics, "atomlens_streams_open", kind="probe") == 1


def test_a_version_is_in_one_state_until_it_is_gone(metrics: Metrics) -> None:
    """All other states are 0, so that a sum over versions counts them; a version that is gone has none."""
    metrics.model_state("m", 2, "loading")
    metrics.model_state("m", 2, "ready")
    told = {
        state: value(metrics, "atomlens_model_state", model="m", version="2", state=state) for state in STATES
    }
    assert told == {"loading": 0, "ready": 1, "failed": 0, "draining": 0}
    metrics.model_gone("m", 2)
    assert value(metrics, "atomlens_model_state", model="m", version="2", state="ready") is None
    with pytest.raises(ValueError, match="`state` must be one of loading, ready, failed, draining, got 'x'"):
        metrics.model_state("m", 2, "x")


@pytest.mark.parametrize(("succeeded", "outcome"), [(True, "succeeded"), (False, "failed")])
def test_loads_and_reloads_are_counted_by_their_outcome(
    metrics: Metrics, succeeded: bool, outcome: str
) -> None:
    """Those of models and those of files."""
    metrics.model_loaded(succeeded)
    metrics.reloaded("tokens", succeeded)
    assert value(metrics, "atomlens_model_loads_total", outcome=outcome) == 1
    assert value(metrics, "atomlens_reloads_total", what="tokens", outcome=outcome) == 1


def test_threads_that_tell_at_once_lose_nothing(metrics: Metrics) -> None:
    """Whichever makes a combination of labels first, all count in the same one."""

    def tell() -> None:
        for _ in range(1000):
            metrics.waited("bulk", 1.0)

    threads = [Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value(metrics, "atomlens_queue_seconds_count", priority="bulk") == 4000


def test_every_server_has_metrics_of_its_own(metrics: Metrics) -> None:
    """And tells of its process."""
    Metrics().refused("QUEUE_FULL")
    assert value(metrics, "atomlens_work_refused_total", reason="QUEUE_FULL") is None
    assert (value(metrics, "process_resident_memory_bytes") or 0) > 0
