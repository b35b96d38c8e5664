"""`atomlens.server.settings.queueing`."""

from __future__ import annotations

from dataclasses import fields

import pytest

from atomlens.server.settings.queueing import QueueingSettings


@pytest.mark.parametrize("name", [one.name for one in fields(QueueingSettings) if one.name != "workers"])
def test_limits_are_positive(name: str) -> None:
    """A limit of nothing would refuse everything."""
    for value in (0, -1):
        with pytest.raises(ValueError, match=f"`{name}` must be positive, got {value}"):
            QueueingSettings(**{name: value})


def test_bulk_work_fills_three_quarters_of_the_queue() -> None:
    """The rest is for interactive work."""
    assert QueueingSettings(max_queue_cost=1000).max_bulk_cost == 750
