"""Files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from atomlens.client.atomic_file import whole_file


def test_appears_at_the_end(tmp_path: Path) -> None:
    """Nothing is at the path before the end, and nothing else afterwards."""
    path = tmp_path / "out.txt"
    with whole_file(path) as stream:
        stream.write("α\n")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "α\n"
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == _new(tmp_path / "new").stat().st_mode & 0o777


def test_failure_leaves_nothing(tmp_path: Path) -> None:
    """When writing fails, what was there before stays and nothing is left beside it."""
    path = tmp_path / "out.txt"
    path.write_text("old")

    def fail() -> None:
        with whole_file(path) as stream:
            stream.write("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def _new(path: Path) -> Path:
    path.touch()
    return path
