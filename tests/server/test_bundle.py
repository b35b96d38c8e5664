"""`atomlens.server.bundle`."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from atomlens.server.bundle import ATOMS, CARD, MAX_CARD_BYTES, Bundle
from atomlens.server.errors import BundleError


@pytest.fixture
def version(toy_repository: Path, tmp_path: Path) -> Path:
    """A copy of a version directory that may be damaged."""
    copy = tmp_path / "toy-bpnn-energy" / "1"
    shutil.copytree(toy_repository / "toy-bpnn-energy" / "1", copy)
    return copy


def rewrite(version: Path, **changes: Any) -> None:
    """Change fields of the card."""
    plain = json.loads((version / CARD).read_text())
    (version / CARD).write_text(json.dumps(plain | changes))


def test_a_bundle_is_its_card_and_the_files_on_it(version: Path) -> None:
    """The digest is that of the card, which vouches for every other file."""
    bundle = Bundle.load(version)
    assert bundle.digest == hashlib.sha256((version / CARD).read_bytes()).hexdigest()
    assert bundle.atoms == (version / ATOMS).read_bytes()
    assert set(bundle.files) == {path.name for path in version.iterdir()} - {CARD}


def test_files_that_are_not_on_the_card_are_not_read(version: Path) -> None:
    """Somebody's notes beside the graph do no harm."""
    (version / "notes.txt").write_text("hello")
    assert "notes.txt" not in Bundle.load(version).files


@pytest.mark.parametrize("name", [CARD, ATOMS])
def test_a_missing_file_is_named(version: Path, name: str) -> None:
    """With the reason of the system."""
    (version / name).unlink()
    with pytest.raises(BundleError, match=f"{name}: cannot be read: No such file"):
        Bundle.load(version)


def test_a_file_that_differs_from_its_digest_is_refused(version: Path) -> None:
    """By a single byte."""
    content = bytearray((version / ATOMS).read_bytes())
    content[len(content) // 2] ^= 1
    (version / ATOMS).write_bytes(content)
    with pytest.raises(BundleError, match=r"atoms\.onnx: its SHA-256 differs"):
        Bundle.load(version)


def test_a_truncated_file_is_refused(version: Path) -> None:
    """As one that differs."""
    (version / ATOMS).write_bytes((version / ATOMS).read_bytes()[:-100])
    with pytest.raises(BundleError, match=r"atoms\.onnx: its SHA-256 differs"):
        Bundle.load(version)


def test_a_card_must_vouch_for_the_graph(version: Path) -> None:
    """A graph without a digest is none."""
    rewrite(version, files={})
    with pytest.raises(BundleError, match=r"`files` must name atoms\.onnx"):
        Bundle.load(version)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../outside", "", ".", "..", "nul\0byte"])
def test_a_card_cannot_point_outside_its_directory(version: Path, name: str) -> None:
    """Whatever its names look like."""
    (version.parent / "outside").write_bytes(b"secret")
    secret = hashlib.sha256(b"secret").hexdigest()
    files = json.loads((version / CARD).read_text())["files"]
    rewrite(version, files=files | {name: secret})
    with pytest.raises(BundleError):
        Bundle.load(version)


@pytest.mark.parametrize(
    "name",
    [
        ".hidden",
        "with space",
        "a" * 101,
        "atoms.onnx\n",
        "naïve",
        "-flag",
        "c:onnx",
        "*",
        "card.json",
        "~root",
    ],
)
def test_names_of_files_are_plain(version: Path, name: str) -> None:
    """Letters, digits and a few signs: whatever a system or a shell might read into others."""
    files = json.loads((version / CARD).read_text())["files"]
    rewrite(version, files=files | {name: "00"})
    with pytest.raises(BundleError, match="`files` must be plain names, got "):
        Bundle.load(version)


def test_a_card_names_few_files(version: Path) -> None:
    """All of them are read."""
    files = json.loads((version / CARD).read_text())["files"]
    rewrite(version, files=files | {f"f{number}": "00" for number in range(20)})
    with pytest.raises(BundleError, match="`files` may name 16 files, got 2"):
        Bundle.load(version)


def test_a_card_that_is_too_large_is_not_read(version: Path) -> None:
    """Whatever fills it."""
    with (version / CARD).open("ab") as card:
        card.truncate(MAX_CARD_BYTES + 1)
    with pytest.raises(BundleError, match=r"card\.json: may be 8 MiB, got 8\.0"):
        Bundle.load(version)


def test_every_file_may_be_so_large(version: Path) -> None:
    """And no larger; the limit is for each by itself."""
    assert Bundle.load(version, max_graph_mib=1).files
    with (version / "verification.npz").open("ab") as file:
        file.truncate(2**20 + 1)
    with pytest.raises(BundleError, match=r"verification\.npz: may be 1 MiB, got 1\.0"):
        Bundle.load(version, max_graph_mib=1)


def test_every_graph_is_checked(version: Path) -> None:
    """Also one that the card merely names, with its own name in the error."""
    files = json.loads((version / CARD).read_text())["files"]
    (version / "more.onnx").write_bytes(b"no graph")
    rewrite(version, files=files | {"more.onnx": hashlib.sha256(b"no graph").hexdigest()})
    with pytest.raises(BundleError, match=r"more\.onnx: no graph the runtime can load"):
        Bundle.load(version)


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"name": ' * 50_000, b"\xff\xfe{}", b"{}" * 2, b"null"])
def test_what_is_no_card_is_an_error(version: Path, text: bytes) -> None:
    """However deep it nests; never a crash."""
    (version / CARD).write_bytes(text)
    with pytest.raises(BundleError, match=r"^card\.json: "):
        Bundle.load(version)
