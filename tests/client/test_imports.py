"""What importing the client costs."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "onnxruntime", "onnx", "ase", "pandas", "vesin", "scipy", "matplotlib", "rdkit")


def loaded(statement: str) -> set[str]:
    """Return the heavy libraries that a statement loads in a fresh interpreter."""
    code = f"import sys; {statement}; print([name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(eval(result.stdout.splitlines()[-1]))


def test_client() -> None:
    """Importing the client loads nothing that is not among its few dependencies."""
    assert loaded("import atomlens.client, atomlens.client.testing, atomlens.client.writers") == set()


def test_command_line() -> None:
    """Neither does the help of the command line."""
    call = "from atomlens.client.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\nprint()"
    assert loaded(f"exec({call!r})") == set()
