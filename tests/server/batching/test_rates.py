"""`atomlens.server.batching.rates`."""

from __future__ import annotations

import pytest

from atomlens.server.batching.rates import FULL, TRIFLE_MS, WARM, Rates

BATCH = 1000


def test_nothing_is_said_of_what_was_not_measured() -> None:
    """Nor of what was measured a few times only, or on batches that were nearly empty."""
    rates = Rates(BATCH)
    for _ in range(WARM - 1):
        rates.note("few", BATCH, 10.0)
    for _ in range(100):
        rates.note("small", BATCH // FULL - 1, 10.0)
    assert rates.ms({"few": 10**9, "small": 10**9, "unknown": 10**9}) == 0.0


def test_the_time_of_full_batches_is_told_by_cost() -> None:
    """Of all kinds together; small batches, which take longer for their cost, change nothing."""
    rates = Rates(BATCH)
    for _ in range(WARM):
        rates.note("a", BATCH, 10.0)
        rates.note("b", BATCH // 2, 1.0)
    rates.note("a", 1, 10.0)
    assert rates.slowest_ms_per_cost == pytest.approx(0.01)
    assert rates.ms({"a": 5 * BATCH, "b": BATCH}) == pytest.approx(50.0 + 2.0)


def test_a_rate_follows_the_last_batches() -> None:
    """One that took long moves it a little, many move it all the way."""
    rates = Rates(BATCH)
    for _ in range(10):
        rates.note("a", BATCH, 10.0)
    rates.note("a", BATCH, 110.0)
    assert 10.0 < rates.ms({"a": BATCH}) < 40.0
    for _ in range(50):
        rates.note("a", BATCH, 110.0)
    assert rates.ms({"a": BATCH}) == pytest.approx(110.0, rel=0.01)


def test_a_trifle_is_what_takes_no_time_as_the_last_of_its_kind_did() -> None:
    """However small the batch was; what is not known is none."""
    rates = Rates(BATCH)
    assert not rates.is_trifle("a", 1)
    rates.note("a", 10, TRIFLE_MS / 2)
    assert rates.is_trifle("a", 10)
    assert not rates.is_trifle("a", 21)
    assert not rates.is_trifle("b", 1)
