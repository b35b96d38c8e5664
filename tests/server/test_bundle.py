"""`atomlens.server.bundle`."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from atomlens.server.bundle import ATOMS, CARD, Bundle
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
