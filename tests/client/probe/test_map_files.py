"""`atomlens.client.probe.map_files`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from atomlens.client import InputError
from atomlens.client.probe import map_files as module
from atomlens.client.probe.map_files import FORMATS

from .conftest import POINTS, probe_map

SEVERAL = [".cube", ".dx"]


@pytest.mark.parametrize("suffix", [*FORMATS, ".CUBE"])
def test_one_field(suffix: str, tmp_path: Path) -> None:
    """A map of one field is the file that was asked for, with nothing beside it."""
    path = tmp_path / f"out{suffix}"
    assert probe_map(elements="H").write(str(path)) == (path,)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", SEVERAL)
def test_several_fields(suffix: str, tmp_path: Path) -> None:
    """Where a file holds one field there is a file for each, named by element, and by head where need be."""
    found = probe_map()
    paths = found.write(tmp_path / f"out.x{suffix}")
    assert [path.name for path in paths] == [f"out.x.H{suffix}", f"out.x.C{suffix}"]
    assert set(tmp_path.iterdir()) == set(paths)
    (alone,) = found["C"].write(tmp_path / f"alone{suffix}")
    assert paths[1].read_bytes() == alone.read_bytes()
    both = probe_map(heads=("energy", "charge")).write(tmp_path / f"both{suffix}")
    assert both[2].name == f"both.charge.H{suffix}"


@pytest.mark.parametrize("suffix", [".vti", ".npz"])
def test_all_fields_in_one_file(suffix: str, tmp_path: Path) -> None:
    """Where a file holds several fields, all are in it."""
    path = tmp_path / f"out{suffix}"
    assert probe_map().write(path) == (path,)


@pytest.mark.parametrize("name", ["out.xyz", "out", "cube"])
def test_unknown_suffixes(name: str, tmp_path: Path) -> None:
    """A suffix that names no format is answered with those that do."""
    with pytest.raises(InputError) as caught:
        probe_map().write(tmp_path / name)
    rule = "`path` of a map on a grid must end in .cube, .dx, .vti, .npz"
    assert str(caught.value) == f"{rule}, got {name!r}"


@pytest.mark.parametrize("suffix", [".cube", ".dx", ".vti"])
def test_a_list_of_points(suffix: str, tmp_path: Path) -> None:
    """Points without a grid are written as .npz alone."""
    with pytest.raises(InputError, match=r"of a list of points must end in \.npz, got 'out"):
        probe_map(POINTS).write(tmp_path / f"out{suffix}")


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite(suffix: str, broken: float, tmp_path: Path) -> None:
    """Values that are no numbers never get into a file."""
    values = np.zeros((2, 210))
    values[1, 17] = broken
    with pytest.raises(InputError, match="`values` must be finite to be written, got 1 that are not"):
        probe_map(values=values).write(tmp_path / f"out{suffix}")
    assert list(tmp_path.iterdir()) == []


FULL = """
import resource, signal, sys
from tests.client.probe.conftest import probe_map

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
found = probe_map()
first = found["H"].write(sys.argv[1] + "/first" + sys.argv[2])[0].stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (first - 1, first - 1))
try:
    found.write(sys.argv[1] + "/out" + sys.argv[2])
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_disk_that_fills(suffix: str, tmp_path: Path) -> None:
    """A file that does not fit leaves nothing behind."""
    command = [sys.executable, "-c", FULL, str(tmp_path), suffix]
    root = Path(__file__).parents[3]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    assert result.stdout == "File too large\n"
    assert [path.name for path in tmp_path.iterdir()] == [f"first{suffix}"]


@pytest.mark.parametrize("suffix", SEVERAL)
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_several_files_or_none(
    suffix: str, error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the last of several cannot be written, none appears and what was there stays."""
    (tmp_path / f"out.H{suffix}").write_text("old")
    format = FORMATS[suffix]

    def fail(found: object, stream: object) -> None:
        if getattr(found, "elements", ()) == ("C",):
            raise error
        format.write(found, stream)  # type: ignore[arg-type]

    monkeypatch.setitem(module.FORMATS, suffix, format._replace(write=fail))
    with pytest.raises(error):
        probe_map().write(tmp_path / f"out{suffix}")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("suffix", SEVERAL)
def test_a_directory_in_the_place_of_a_file(suffix: str, tmp_path: Path) -> None:
    """It is named before any file appears."""
    (tmp_path / f"out.C{suffix}").mkdir()
    with pytest.raises(InputError, match=rf"`path` must be a file, got the directory .*out\.C\{suffix}"):
        probe_map().write(tmp_path / f"out{suffix}")
    assert len(list(tmp_path.iterdir())) == 1


def test_a_directory_that_there_is_not(tmp_path: Path) -> None:
    """It is named, and nothing is made."""
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        probe_map().write(tmp_path / "no" / "out.cube")
