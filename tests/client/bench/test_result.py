"""What came of a load."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from atomlens.client.bench.load import Load
from atomlens.client.bench.result import Result


@pytest.fixture
def result() -> Result:
    """Two seconds with latencies of 1 to 100 ms."""
    return Result(
        model="m@1",
        load=Load(seconds=2.0, clients=4),
        seconds=2.0,
        requests=100,
        structures=300,
        answered=350,
        latencies_ms=np.arange(1.0, 101.0),
        late_ms=np.zeros(100),
        unsent=0,
        errors={"DEADLINE": 2},
        sent_bytes=450.0,
        received_bytes=570.0,
    )


def test_figures(result: Result) -> None:
    """Rates are of the seconds that count, and percentiles those of all latencies."""
    assert result.structures_per_second == 150.0
    assert result.requests_per_second == 50.0
    assert result.latency_ms(50) == pytest.approx(50.5)
    assert result.latency_ms(99) == pytest.approx(99.01)
    document = json.loads(json.dumps(result.to_dict()))
    assert document["latency_ms"] == pytest.approx({"p50": 50.5, "p90": 90.1, "p99": 99.01, "max": 100.0})
    assert document["errors"] == {"DEADLINE": 2}
    assert document["bytes_per_structure"] == {"sent": 450.0, "received": 570.0}


def test_table(result: Result) -> None:
    """The table holds throughput, latencies, errors by reason and bytes."""
    text = str(result)
    for words in (
        "m@1",
        "unary, 4 clients, closed loop, 2.0 s",
        "150 structures/s",
        "p99 99 ms",
        "2 DEADLINE",
    ):
        assert words in text
    assert "a closed loop asks a slow server less" in text


def test_an_open_loop_tells_what_was_late(result: Result) -> None:
    """Requests that were sent late, or never, are counted: they are what a generator may hide."""
    late = np.where(np.arange(100) < 10, 5.0, 0.0)
    text = str(replace(result, load=Load(rate=50.0), late_ms=late, unsent=3))
    assert "from when a request was due; 10 of 100 sent late, 3 never" in text


def test_nothing_measured_is_no_number(result: Result) -> None:
    """A run that was interrupted at once has no latencies, and says so instead of failing."""
    empty = replace(
        result,
        seconds=0.0,
        requests=0,
        structures=0,
        latencies_ms=np.zeros(0),
        late_ms=np.zeros(0),
        errors={},
    )
    assert empty.interrupted
    assert empty.structures_per_second == 0.0
    assert empty.to_dict()["latency_ms"]["p50"] is None
    assert "none" in str(empty)


def test_a_run_of_the_whole_time_was_not_interrupted(result: Result) -> None:
    """Also where its seconds are the difference of two times, which is rounded."""
    begin = 20_123.1
    whole = replace(result, load=Load(seconds=0.1), seconds=(begin + 0.1) - begin)
    assert whole.seconds < 0.1
    assert not whole.interrupted
    assert replace(whole, seconds=0.05).interrupted
