"""Files of commands, checked before the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from atomlens.client import InputError
from atomlens.client.cli.output import check_output

SUFFIXES = (".npz", ".html")


@pytest.mark.parametrize("name", ["map.npz", "map.NPZ", "map.x.Html"])
def test_files_that_can_appear(name: str, tmp_path: Path) -> None:
    """Suffixes are in letters of any case, and a file that is there will be another."""
    check_output(tmp_path / name, SUFFIXES)
    (tmp_path / name).touch()
    check_output(tmp_path / name, SUFFIXES)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("map.cube", "", "`output` must end in .npz, .html, got 'map.cube'"),
        ("map", "a grid", "`output` of a grid must end in .npz, .html, got 'map'"),
        ("d.html", "", "`output` must be a file, got the directory {0}/d.html"),
        ("no/map.npz", "a grid", "there is no directory {0}/no to write map.npz to"),
    ],
)
def test_files_that_cannot(name: str, content: str, message: str, tmp_path: Path) -> None:
    """They are refused by name, with the rule."""
    (tmp_path / "d.html").mkdir()
    with pytest.raises(InputError) as caught:
        check_output(tmp_path / name, SUFFIXES, content)
    assert (str(caught.value), caught.value.field) == (message.format(tmp_path), "output")
