"""A model that is held."""

from __future__ import annotations

import pytest

from .scenes import Held


@pytest.fixture
def held() -> Held:
    """A model that is held."""
    return Held()
