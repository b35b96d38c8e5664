"""Published: a repository into which tests publish versions of a toy model, told apart by their numbers."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from atomlens.server.bundle import ATOMS, CARD

NAME = "toy-schnet-energy"
ELEMENTS = (1, 6, 7, 8)


class Published:
    """A repository of one model, of which version V adds V eV for each atom."""

    def __init__(self, toys: Path, root: Path, name: str = NAME) -> None:
        self.root, self.name, self._source = root, name, toys / name / "1"

    def path(self, version: int) -> Path:
        """Return where a version lies."""
        return self.root / self.name / str(version)

    def write(self, directory: Path, version: int, graph: bytes | None = None, **changes: Any) -> Path:
        """Write a version into any directory, with another graph or other fields of its card."""
        shutil.copytree(self._source, directory)
        card = json.loads((directory / CARD).read_text())
        card["name"] = self.name
        card["heads"][0]["offsets"] = {str(number): float(version) for number in ELEMENTS}
        if graph is not None:
            (directory / ATOMS).write_bytes(graph)
            card["files"][ATOMS] = hashlib.sha256(graph).hexdigest()
        (directory / CARD).write_text(json.dumps(card | changes))
        return directory

    def publish(self, version: int, graph: bytes | None = None, **changes: Any) -> Path:
        """Write a version beside its place and rename it into place."""
        hidden = self.write(self.root / self.name / f".partial-{version}", version, graph, **changes)
        return hidden.rename(self.path(version))

    def remove(self, version: int) -> None:
        """Take a version away in one step."""
        hidden = self.path(version).rename(self.root / self.name / f".removed-{version}")
        shutil.rmtree(hidden)
