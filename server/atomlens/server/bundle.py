"""Bundle: one version of a model as it lies on the disk, read once and checked."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from google.protobuf import json_format

from atomlens.server.bundle_file import MIB, read_file
from atomlens.server.card import Card
from atomlens.server.errors import BundleError
from atomlens.server.graph import check_graph
from atomlens.v1 import card_pb2

CARD = "card.json"
ATOMS = "atoms.onnx"
PROBE = "probe.onnx"
MOLECULES = "molecules.onnx"
GRAPH_SUFFIX = ".onnx"
MAX_GRAPH_MIB = 256  # of one file, unless told otherwise
MAX_CARD_BYTES = 8 * MIB
MOST_FILES = 16
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Bundle:
    """A card and the files it vouches for."""

    path: Path
    digest: str  # SHA-256 of card.json, hexadecimal
    card: Card
    card_json: bytes
    files: dict[str, bytes]

    @classmethod
    def load(cls, path: Path, max_graph_mib: int = MAX_GRAPH_MIB) -> Bundle:
        """Read a version directory, REPOSITORY/MODEL/VERSION; links must stay within the repository.

        Args:
            path: the directory.
            max_graph_mib: what each file may hold, in MiB.

        Raises:
            UnreadableError: the system does not give a file.
            BundleError: a file is missing, differs from its digest, is too large, is no plain file or a
                graph with more in it than what computes; or the card breaks the contract.
        """
        root = path.parent.parent
        text = read_file(path / CARD, root, MAX_CARD_BYTES)
        card = Card.from_json(text)
        _check_names(card.files)
        files = {}
        for name, digest in card.files.items():
            files[name] = read_file(path / name, root, max_graph_mib * MIB)
            if hashlib.sha256(files[name]).hexdigest() != digest:
                raise BundleError(f"{name}: its SHA-256 differs from the one on the card")
            if name.endswith(GRAPH_SUFFIX):
                check_graph(name, files[name])
        return cls(path, hashlib.sha256(text).hexdigest(), card, text, files)

    @cached_property
    def card_message(self) -> card_pb2.ModelCard:
        """The card as it is told: read once, for one of 0.5 MB takes 30 ms."""
        return json_format.Parse(self.card_json, card_pb2.ModelCard())

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


def _check_names(files: dict[str, str]) -> None:
    if ATOMS not in files:
        raise BundleError(f"card.json: `files` must name {ATOMS}, got {sorted(files)[:MOST_FILES]}")
    if len(files) > MOST_FILES:
        raise BundleError(f"card.json: `files` may name {MOST_FILES} files, got {len(files)}")
    for name in files:
        if not FILE_NAME.fullmatch(name) or name == CARD:
            raise BundleError(f"card.json: `files` must be plain names, got {name[:200]!r}")
