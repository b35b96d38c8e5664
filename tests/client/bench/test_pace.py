"""The pace of a run."""

from __future__ import annotations

import time

import pytest

from atomlens.client.bench.load import Load
from atomlens.client.bench.pace import Pace


@pytest.fixture
def long_ago() -> float:
    """A start of which everything that was due is overdue."""
    return time.perf_counter() - 1000.0


def test_an_open_loop_is_due_at_fixed_times(long_ago: float) -> None:
    """The k-th request is due k / rate after the start, also when all of them are late."""
    pace = Pace(Load(rate=10.0, seconds=2.0, warm_up_seconds=1.0), long_ago)
    dues = []
    while (due := pace.next_due()) is not None:
        dues.append(due - long_ago)
    assert dues == pytest.approx([0.1 * k for k in range(30)])


def test_only_seconds_after_the_warm_up_count(long_ago: float) -> None:
    """What is due in the warm-up, or comes after the end, does not count."""
    pace = Pace(Load(seconds=2.0, warm_up_seconds=1.0), long_ago)
    assert [pace.counts(long_ago + after) for after in (0.0, 0.9, 1.0, 2.9, 3.0)] == [
        *(False, False),
        *(True, True, False),
    ]


def test_a_closed_loop_is_due_at_once_until_the_end() -> None:
    """Requests are due when they are asked for, and none is once the run is over."""
    pace = Pace(Load(seconds=1000.0), time.perf_counter())
    before = time.perf_counter()
    due = pace.next_due()
    assert due is not None
    assert before <= due <= time.perf_counter()
    pace.stop()
    assert pace.is_over()
    assert pace.next_due() is None


def test_stopping_ends_a_wait() -> None:
    """A client that waits for a request that is due much later leaves when the run is stopped."""
    pace = Pace(Load(rate=1e-3, seconds=1e6, warm_up_seconds=0.0), time.perf_counter())
    assert pace.next_due() is not None
    pace.stop()
    assert pace.next_due() is None
    assert pace.end - pace.begin < 1e6
