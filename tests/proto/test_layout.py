"""The four roots that share one namespace."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOTS = {
    "proto": ["open_inference", "v1"],
    "export": ["export"],
    "server": ["server"],
    "client": ["client"],
}


@pytest.mark.parametrize(("root", "packages"), ROOTS.items())
def test_roots_share_the_namespace(root: str, packages: list[str]) -> None:
    """No root closes the namespace with an `__init__.py`, and each holds typed packages of its own."""
    namespace = ROOT / root / "atomlens"
    assert not (namespace / "__init__.py").exists()
    assert all((namespace / package / "py.typed").exists() for package in packages)
    found = [path.name for path in namespace.iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert sorted(found) == packages


def test_dependencies_point_one_way() -> None:
    """The server imports neither training, torch nor ASE, and the client nothing of both at its top level."""
    for path in (ROOT / "server").rglob("*.py"):
        for line in path.read_text().splitlines():
            imported = line.strip().partition("import ")[0] + line.strip().partition("import ")[2]
            if line.strip().startswith(("import ", "from ")):
                assert not any(name in imported for name in ("atomlens.export", "atomlens.client", "torch"))
                assert not imported.startswith(("ase", "from ase"))
    for path in (ROOT / "client").rglob("*.py"):
        for line in path.read_text().splitlines():
            if line.startswith(("import ", "from ")):
                heavy = (
                    "atomlens.export",
                    "atomlens.server",
                    "atomlens.open_inference",
                    "torch",
                    "onnxruntime",
                    "pandas",
                )
                assert not any(name in line for name in heavy), f"{path}: {line}"
