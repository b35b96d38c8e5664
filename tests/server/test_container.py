"""`atomlens.server.container`."""

from __future__ import annotations

from pathlib import Path

import pytest

from atomlens.server.container import memory_limit


@pytest.mark.parametrize(
    ("text", "limit"),
    [("2147483648\n", 2**31), ("max\n", None), ("9223372036854771712\n", None)],
    ids=["limited", "v2", "v1"],
)
def test_the_limit_is_what_the_control_group_says(tmp_path: Path, text: str, limit: int | None) -> None:
    """Both versions of control groups have their own way to say that there is none."""
    (tmp_path / "memory.max").write_text(text)
    assert memory_limit((tmp_path / "nothing", tmp_path / "memory.max")) == limit


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    """The machine's memory is none that a process should be measured by: others use it too."""
    assert memory_limit((tmp_path / "nothing",)) is None
