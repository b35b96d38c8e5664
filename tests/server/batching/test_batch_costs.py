"""`atomlens.server.batching.batch_costs`."""

from __future__ import annotations

import logging

import pytest

from atomlens.server.batching.batch_costs import GOOD_BATCHES, LEAST, BatchCosts

SET = 6400


def test_what_was_too_much_is_halved(caplog: pytest.LogCaptureFixture) -> None:
    """For that kind alone, and as far as it takes; the log tells."""
    costs = BatchCosts(SET)
    with caplog.at_level(logging.WARNING):
        costs.failed("a", 6000)
    assert (costs.of("a"), costs.of("b")) == (3000, SET)
    assert "out of memory at a cost of 6000: batches cost at most 3000 from now on" in caplog.text
    costs.failed("a", 3000)
    assert costs.of("a") == 1500
    costs.failed("a", 6000)  # of another worker, begun before
    assert costs.of("a") == 1500


def test_there_is_a_floor() -> None:
    """Small batches fail for another reason, and never make the cost nothing."""
    costs = BatchCosts(SET)
    for _ in range(20):
        costs.failed("a", costs.of("a"))
    assert costs.of("a") == SET // LEAST
    assert BatchCosts(1).of("a") == 1
    tiny = BatchCosts(1)
    tiny.failed("a", 2)
    assert tiny.of("a") == 1


def test_it_recovers_slowly() -> None:
    """After many good batches a quarter more is tried, until the cost is what was set, and stays there."""
    costs = BatchCosts(SET)
    costs.failed("a", SET)
    lowered = costs.of("a")
    for _ in range(GOOD_BATCHES - 1):
        costs.worked("a")
    assert costs.of("a") == lowered
    costs.worked("a")
    assert lowered < costs.of("a") <= 1.3 * lowered
    for _ in range(10 * GOOD_BATCHES):
        costs.worked("a")
    assert costs.of("a") == SET
    costs.worked("a")
    assert costs.of("a") == SET


def test_a_failure_begins_the_count_anew() -> None:
    """What failed again was not good yet."""
    costs = BatchCosts(SET)
    costs.failed("a", SET)
    for _ in range(GOOD_BATCHES - 1):
        costs.worked("a")
    costs.failed("a", SET)
    costs.worked("a")
    assert costs.of("a") == SET // 2
