"""Pauses between attempts."""

from __future__ import annotations

from atomlens.client.backoff import Backoff, BackoffSettings

SETTINGS = BackoffSettings(max_attempts=5, first_pause_seconds=0.1, max_pause_seconds=0.3)


def test_pauses() -> None:
    """Pauses double up to the longest, with chance in them, until attempts are used up."""
    backoff = Backoff(SETTINGS)
    for longest in (0.1, 0.2, 0.3, 0.3):
        pause = backoff.pause_seconds()
        assert pause is not None
        assert longest / 2 <= pause <= longest
    assert backoff.pause_seconds() is None


def test_progress() -> None:
    """Any progress makes all attempts available again."""
    backoff = Backoff(SETTINGS)
    for _ in range(20):
        backoff.progress()
        assert backoff.pause_seconds() is not None
