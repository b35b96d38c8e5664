"""Loads."""

from __future__ import annotations

from typing import Any

import pytest

from atomlens.client.bench.load import Load
from atomlens.client.errors import InputError


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"mode": "probe"}, "mode"),
        ({"clients": 0}, "clients"),
        ({"clients": 2000}, "clients"),
        ({"batch": 0}, "batch"),
        ({"seconds": 0.0}, "seconds"),
        ({"seconds": float("inf")}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"warm_up_seconds": -1.0}, "warm_up_seconds"),
        ({"rate": 0.0}, "rate"),
        ({"rate": float("nan")}, "rate"),
    ],
)
def test_a_load_that_cannot_be_put_on_is_refused(settings: dict[str, Any], field: str) -> None:
    """Values out of range are refused by name before anything is asked."""
    with pytest.raises(InputError, match=f"`{field}`") as refused:
        Load(**settings)
    assert refused.value.field == field


@pytest.mark.parametrize("mode", ["stream", "stream-each"])
def test_a_stream_has_no_rate(mode: Any) -> None:
    """A stream takes structures when it has room: a rate would be promised in vain."""
    with pytest.raises(InputError, match="`rate`"):
        Load(mode, rate=10.0)
