"""`atomlens.server.limits`."""

from __future__ import annotations

from dataclasses import fields

import pytest

from atomlens.server.limits import Limits


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_limits_are_positive(name: str) -> None:
    """The error names the one that is not."""
    with pytest.raises(ValueError, match=f"`{name}` must be positive, got 0"):
        Limits(**{name: 0})
