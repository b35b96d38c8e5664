"""Structures from files."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import tempfile
import threading
from pathlib import Path

import ase.io
import pytest
from ase import Atoms

from atomlens.client import Failure, InputError, Structure, read

FORMATS = ("xyz", "extxyz", "traj", "json", "db", "pdb", "cif")


def stdin(content: bytes) -> io.TextIOWrapper:
    """Return standard input with this content."""
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8")


def ids(source: str | Path) -> list[str]:
    """Return what is behind the @ of each id."""
    return [item.id.rpartition("@")[2] for item in read(source)]


@pytest.mark.parametrize("suffix", FORMATS)
def test_formats(molecules: list[Atoms], tmp_path: Path, suffix: str) -> None:
    """Whatever ASE reads is read, frame by frame, in order."""
    written = [Atoms(molecules[k], cell=[20, 20, 20 + k]) for k in (4, 4, 4)]  # all of one size for pdb
    path = tmp_path / f"three.{suffix}"
    ase.io.write(path, written)
    found = list(read(path))
    assert [item.id for item in found] == [f"{path}@{k}" for k in range(3)]
    for item, atoms in zip(found, written, strict=True):
        assert isinstance(item, Structure)
        assert item.numbers.tolist() == atoms.numbers.tolist()


def test_compressed(molecule_file: Path, tmp_path: Path) -> None:
    """A compressed file is read as what is in it."""
    path = tmp_path / "m.xyz.gz"
    path.write_bytes(gzip.compress(molecule_file.read_bytes()))
    assert ids(path) == [str(k) for k in range(10)]


@pytest.mark.parametrize(
    "part", ["3", "-1", "-3", "0:4", "4:", ":3", "-2:", ":-7", "::3", "1:9:4", "::-4", ":", "8:20"]
)
@pytest.mark.parametrize("suffix", ["xyz", "traj"])
def test_parts(molecule_file: Path, part: str, suffix: str) -> None:
    """A part is Python's slice of the frames, and ids are places in the whole file."""
    path = molecule_file.with_suffix(f".{suffix}")
    if suffix == "traj":
        ase.io.write(path, ase.io.read(molecule_file, ":"))
    chosen = (
        list(range(10))[slice(*[int(bound) if bound else None for bound in part.split(":")])]
        if ":" in part
        else [range(10)[int(part)]]
    )
    assert ids(f"{path}@{part}") == [str(k) for k in chosen]


@pytest.mark.parametrize("part", ["10", "12:", "3:3"])
def test_empty_parts(molecule_file: Path, part: str) -> None:
    """A part with nothing in it is a failure, not silence."""
    (failure,) = read(f"{molecule_file}@{part}")
    assert isinstance(failure, Failure)
    assert (failure.id, failure.error.reason) == (f"{molecule_file}@{part}", "NO_SUCH_PART")


def test_at_in_name(molecule_file: Path) -> None:
    """A file whose name looks like a part is that file."""
    path = molecule_file.with_name("m@2")
    path.write_text(molecule_file.read_text())
    assert ids(path) == [str(k) for k in range(10)]
    assert ids(f"{path}@1") == ["1"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.xyz", None, "there is no such file"),
        ("empty.xyz", "", "Empty file"),
        ("text.abc", "hello", "its format is not known"),
        ("text.xyz", "hello", "line 1 must be a number of atoms, got 'hello'"),
        ("text.json", "{", ""),
        ("text.cif", "data_x\nloop_\n", ""),
        ("junk.cif", "hello\n", "it cannot be read as cif"),
    ],
)
def test_unreadable(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    """A file that cannot be read is one failure with its name and one line of reason."""
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    (failure,) = read(path)
    assert isinstance(failure, Failure)
    assert failure.id == str(path)
    assert message in str(failure.error)
    assert "\n" not in str(failure.error)


def test_directory(tmp_path: Path) -> None:
    """A directory is no file."""
    (failure,) = read(tmp_path)
    assert "directory" in str(failure)


def test_broken_frame(molecule_file: Path) -> None:
    """A broken frame fails alone, with its place."""
    lines = molecule_file.read_text().splitlines(True)
    lines[2] = "C here there nowhere\n"
    molecule_file.write_text("".join(lines))
    found = list(read(molecule_file))
    assert [isinstance(item, Failure) for item in found] == [True] + [False] * 9
    assert found[0].id == f"{molecule_file}@0"


def test_standard_input(molecule_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` reads XYZ as it comes, and other formats by their content or name."""
    monkeypatch.setattr("sys.stdin", stdin(molecule_file.read_bytes()))
    assert [item.id for item in read("-@1:3")] == ["-@1", "-@2"]
    for format, name in ((None, "coord"), ("pdb", "x.pdb"), ("xyz", "x.xyz")):
        other = molecule_file.with_name(name)
        ase.io.write(other, ase.io.read(molecule_file, "4"), format="turbomole" if name == "coord" else None)
        monkeypatch.setattr("sys.stdin", stdin(other.read_bytes()))
        assert [item.id for item in read("-", format)] == ["-@0"], name


@pytest.mark.parametrize("suffix", ["traj", "xyz.gz", "traj.bz2"])
def test_binary_standard_input(molecule_file: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Binary and compressed files are read from standard input too."""
    path = molecule_file.with_suffix(".traj")
    ase.io.write(path, ase.io.read(molecule_file, ":"))
    contents = {
        "traj": path.read_bytes(),
        "xyz.gz": gzip.compress(molecule_file.read_bytes()),
        "traj.bz2": bz2.compress(path.read_bytes()),
    }
    monkeypatch.setattr("sys.stdin", stdin(contents[suffix]))
    assert [item.id for item in read("-@-2:")] == ["-@8", "-@9"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Empty file"),
        (b"\xff\xfe\x00\x80", "its format is not known"),
        (gzip.compress(b"1\n\nH 0 0 0\n")[:15], "EOFError"),
    ],
)
def test_unreadable_standard_input(content: bytes, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read is a failure that does not name the copy it was read from."""
    monkeypatch.setattr("sys.stdin", stdin(content))
    (failure,) = read("-")
    assert isinstance(failure, Failure)
    assert failure.id == "-"
    assert message in str(failure.error)
    assert tempfile.gettempdir() not in str(failure.error)


def test_standard_input_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of XYZ is there before the input ends, and standard input stays open."""
    frame = b"1\n\nH 0 0 0\n"
    end, start = os.pipe()
    with open(end) as stream, open(start, "wb", buffering=0) as sender:
        monkeypatch.setattr("sys.stdin", stream)
        found = read("-")
        sender.write(frame * 2)
        assert isinstance(next(found), Structure)
        found.close()  # type: ignore[attr-defined]
        assert not stream.closed


@pytest.mark.parametrize("suffix", ["xyz", "pdb", "traj"])
def test_named_pipe(molecule_file: Path, suffix: str) -> None:
    """A pipe, which can be read only once, is read like a file."""
    path, pipe = molecule_file.with_name(f"one.{suffix}"), molecule_file.with_name(f"pipe.{suffix}")
    ase.io.write(path, ase.io.read(molecule_file, "0"))
    os.mkfifo(pipe)
    sender = threading.Thread(target=pipe.write_bytes, args=[path.read_bytes()], daemon=True)
    sender.start()
    assert [item.id for item in read(pipe)] == [f"{pipe}@0"]
    sender.join()


@pytest.mark.parametrize("through", ["file", "stdin"])
@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbf1\n\nH 0 0 0\n", b"1\ncaf\xe9\nH 0 0 0\n", b"1\r\n\r\nH 0 0 0\r\n"]
)
def test_encodings(tmp_path: Path, content: bytes, through: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte order mark, another encoding in a comment and ends of lines do not matter in XYZ."""
    path = tmp_path / "h.xyz"
    path.write_bytes(content)
    monkeypatch.setattr("sys.stdin", stdin(content))
    (found,) = read(path if through == "file" else "-")
    assert isinstance(found, Structure)
    assert found.numbers.tolist() == [1]


def test_unknown_format(molecule_file: Path) -> None:
    """A format that ASE does not have is the caller's mistake, not the file's."""
    with pytest.raises(InputError, match="`format`"):
        next(read(molecule_file, "nonsense"))
