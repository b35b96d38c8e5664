"""What fits into a message."""

from __future__ import annotations

import pytest

from atomlens.client import InputError
from atomlens.client.message_size import MAX_ATOMS, check_size


def test_size() -> None:
    """A structure that fits into no message is refused before it is sent."""
    check_size(MAX_ATOMS)
    with pytest.raises(InputError, match="to fit into a message") as caught:
        check_size(MAX_ATOMS + 1)
    assert (caught.value.reason, caught.value.field) == ("MESSAGE_TOO_LARGE", "positions")
