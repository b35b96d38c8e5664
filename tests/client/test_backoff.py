"""Pauses between attempts."""

from __future__ import annotations

import math

import pytest

from atomlens.client.backoff import MOST_TOLD_SECONDS, Backoff, BackoffSettings, is_passing
from atomlens.client.errors import AtomLensError, InternalError, OverloadedError, UnavailableError

SETTINGS = BackoffSettings(max_attempts=5, first_pause_seconds=0.1, max_pause_seconds=0.3)
GONE = UnavailableError("gone")


def full(retry_seconds: float | None) -> OverloadedError:
    """Return what a server says that has no room."""
    return OverloadedError("full", retry_seconds=retry_seconds)


def test_pauses() -> None:
    """Pauses double up to the longest, with chance in them, until attempts are used up."""
    backoff = Backoff(SETTINGS)
    for longest in (0.1, 0.2, 0.3, 0.3):
        pause = backoff.pause_seconds(GONE)
        assert pause is not None
        assert longest / 2 <= pause <= longest
    assert backoff.pause_seconds(GONE) is None


def test_attempts_may_be_as_many_as_one_likes() -> None:
    """However often it failed, the pause is the longest."""
    backoff = Backoff(BackoffSettings(max_attempts=10**9), failed=5000)
    pause = backoff.pause_seconds(GONE)
    assert pause is not None
    assert 2.5 <= pause <= 5.0


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("max_attempts", 0, "at least 1"),
        ("first_pause_seconds", -0.1, "not negative"),
        ("max_pause_seconds", math.inf, "finite"),
        ("max_pause_seconds", math.nan, "finite"),
    ],
)
def test_settings_are_checked_when_they_are_made(name: str, value: float, rule: str) -> None:
    """And not when a server goes away."""
    with pytest.raises(ValueError, match=f"`{name}` must be .*{rule}"):
        BackoffSettings(**{name: value})  # type: ignore[arg-type]


def test_progress() -> None:
    """Any progress makes all attempts available again, and all time."""
    backoff = Backoff(SETTINGS, 0.25)
    for _ in range(20):
        backoff.progress()
        assert backoff.pause_seconds(GONE) is not None


def test_servers_say_how_long_to_wait() -> None:
    """Nobody comes sooner, and not all at once; what they say is bounded, and so are the attempts."""
    pauses = [Backoff(SETTINGS).pause_seconds(full(2.0)) or 0.0 for _ in range(100)]
    assert min(pauses) >= 2.0
    assert max(pauses) <= 3.0
    assert max(pauses) > min(pauses)
    assert (Backoff(SETTINGS).pause_seconds(full(1e9)) or 0.0) <= 1.5 * MOST_TOLD_SECONDS
    backoff = Backoff(SETTINGS)
    assert [backoff.pause_seconds(full(2.0)) is None for _ in range(5)] == [False] * 4 + [True]


def test_a_server_that_says_soon_again_and_again_is_asked_less_and_less() -> None:
    """Its word is the least that is waited, not the most."""
    backoff = Backoff(SETTINGS)
    pauses = [backoff.pause_seconds(full(0.001)) or 0.0 for _ in range(3)]
    assert pauses[2] >= 0.15


def test_pauses_end_with_the_time_that_there_is() -> None:
    """A pause that would take longer is not begun."""
    backoff = Backoff(SETTINGS, 5.0)
    assert backoff.pause_seconds(full(2.0)) is not None
    assert backoff.pause_seconds(full(4.0)) is None
    assert Backoff(SETTINGS, 1.0).pause_seconds(full(2.0)) is None


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (GONE, True),
        (full(0.0), True),
        (full(None), False),
        (InternalError("broken", retry_seconds=1.0), False),
    ],
)
def test_what_passes(error: AtomLensError, passes: bool) -> None:
    """A server that is away, and one that says when it has room; nothing else is tried again."""
    assert is_passing(error) is passes
    assert (Backoff(SETTINGS).pause_seconds(error) is not None) is passes
