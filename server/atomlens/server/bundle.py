"""Bundle: one version of a model as it lies on the disk, read once and checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from atomlens.server.card import Card
from atomlens.server.errors import BundleError

CARD = "card.json"
ATOMS = "atoms.onnx"
PROBE = "probe.onnx"
MOLECULES = "molecules.onnx"


@dataclass(frozen=True)
class Bundle:
    """A card and the files it vouches for."""

    path: Path
    digest: str  # SHA-256 of card.json, hexadecimal
    card: Card
    card_json: bytes
    files: dict[str, bytes]

    @classmethod
    def load(cls, path: Path) -> Bundle:
        """Read a version directory, MODEL/VERSION.

        Raises:
            BundleError: a file is missing, differs from its digest, or the card breaks the contract.
        """
        text = _read(path / CARD)
        card = Card.from_json(text)
        if ATOMS not in card.files:
            raise BundleError(f"card.json: `files` must name {ATOMS}, got {sorted(card.files)}")
        files = {name: _verified(path, name, digest) for name, digest in card.files.items()}
        return cls(path, hashlib.sha256(text).hexdigest(), card, text, files)

    @property
    def atoms(self) -> bytes:
        """The graph from structures to contributions and context."""
        return self.files[ATOMS]

    @property
    def probe(self) -> bytes | None:
        """The graph from points and the atoms that they feel to Ω, where the model has one."""
        return self.files.get(PROBE)

    @property
    def molecules(self) -> bytes | None:
        """The graph for dense batches of small molecules, where the model has one."""
        return self.files.get(MOLECULES)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path.name}: cannot be read: {error.strerror}") from error


def _verified(directory: Path, name: str, digest: str) -> bytes:
    if Path(name).name != name or "\0" in name:
        raise BundleError(f"card.json: `files` must be plain names, got {name!r}")
    content = _read(directory / name)
    if hashlib.sha256(content).hexdigest() != digest:
        raise BundleError(f"{name}: its SHA-256 differs from the one on the card")
    return content
