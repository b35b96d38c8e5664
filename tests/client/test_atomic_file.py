"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from atomlens.client.atomic_file import UnwritableFileError, whole_file


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


FULL = """
import resource, signal, sys
from pathlib import Path
from atomlens.client.atomic_file import whole_file

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with whole_file(Path(sys.argv[1]), sys.argv[2]) as stream:
        stream.write(200_000 * ("a" if sys.argv[2] == "w" else b"a"))
except OSError as error:
    print(error.errno, error.strerror, error, sep="; ")
"""


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_a_disk_that_fills(mode: str, tmp_path: Path) -> None:
    """The file that did not fit is named, by its own name, with the system's reason and number."""
    path = tmp_path / "out.txt"
    command = [sys.executable, "-c", FULL, str(path), mode]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == f"{errno.EFBIG}; File too large; cannot write {path}: File too large\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["tempfile.mkstemp", "os.replace"])
def test_what_the_system_refuses(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is one that cannot be begun, or cannot take its place."""
    monkeypatch.setattr(step, _refuse)
    with pytest.raises(UnwritableFileError) as caught:
        _write(tmp_path / "out.txt")
    assert str(caught.value) == f"cannot write {tmp_path / 'out.txt'}: Permission denied"
    assert caught.value.errno == errno.EACCES
    assert list(tmp_path.iterdir()) == []


def test_a_directory_in_the_place_of_the_file(tmp_path: Path) -> None:
    """It is refused before anything is written."""
    with pytest.raises(IsADirectoryError, match="there is a directory in the place of the file"):
        _write(tmp_path)


def test_errors_of_others(tmp_path: Path) -> None:
    """Errors in the block that have nothing to do with the file are left as they are."""

    def fail() -> None:
        with whole_file(tmp_path / "out.txt"):
            raise TimeoutError(errno.ETIMEDOUT, "late")

    with pytest.raises(TimeoutError, match="late"):
        fail()


def _write(path: Path) -> None:
    with whole_file(path) as stream:
        stream.write("new")


def _refuse(*given: object, **named: object) -> None:
    raise PermissionError(errno.EACCES, "Permission denied", "somewhere")


def _new(path: Path) -> Path:
    path.touch()
    return path
