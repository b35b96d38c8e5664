"""What one client saw."""

from __future__ import annotations

import pytest

from atomlens.client.bench.load import Load
from atomlens.client.bench.pace import Pace
from atomlens.client.bench.tally import Tally
from atomlens.client.errors import InputError, OverloadedError


@pytest.fixture
def pace() -> Pace:
    """Counts from second 10 to second 20."""
    return Pace(Load(seconds=10.0, warm_up_seconds=10.0), 0.0)


def test_latency_counts_from_when_a_request_was_due(pace: Pace) -> None:
    """What a request waited for a client that was free is part of its latency."""
    tally = Tally()
    tally.answered(pace, due=11.0, sent=13.0, came=14.0, structures=3)
    assert list(tally.latencies) == [3.0]
    assert list(tally.late) == [2.0]
    assert (tally.requests, tally.structures, tally.total) == (1, 3, 3)


def test_throughput_counts_answers_and_latency_requests(pace: Pace) -> None:
    """An answer to a request of the warm-up is work that was done; one that came after the end is slow."""
    tally = Tally()
    tally.answered(pace, due=9.0, sent=9.0, came=11.0, structures=1)
    tally.answered(pace, due=19.0, sent=19.0, came=25.0, structures=5)
    assert list(tally.latencies) == [6.0]
    assert (tally.requests, tally.structures, tally.total) == (1, 1, 6)


def test_what_was_never_sent_is_not_forgotten(pace: Pace) -> None:
    """A request that was due and never sent took at least until the end."""
    tally = Tally()
    tally.never_sent(pace, due=12.0)
    tally.never_sent(pace, due=5.0)
    assert list(tally.latencies) == [8.0]
    assert tally.unsent == 1


def test_errors_are_counted_by_reason() -> None:
    """Errors have the server's word for them, or their kind where there is none."""
    tally = Tally()
    assert tally.failures([InputError("", reason="UNKNOWN_ELEMENT")] * 2) == 2
    tally.failed(OverloadedError(""))
    assert tally.errors == {"UNKNOWN_ELEMENT": 2, "OverloadedError": 1}


def test_tallies_add_up(pace: Pace) -> None:
    """The tally of all clients is the sum of theirs."""
    parts = [Tally() for _ in range(3)]
    for part in parts:
        part.answered(pace, 11.0, 11.5, 12.0, 2)
        part.never_sent(pace, 15.0)
        part.failed(InputError("", reason="X"))
    whole = sum(parts, Tally())
    assert sorted(whole.latencies) == [1.0] * 3 + [5.0] * 3
    assert (whole.requests, whole.structures, whole.total, whole.unsent) == (3, 6, 6, 3)
    assert whole.errors == {"X": 3}
