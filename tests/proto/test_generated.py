"""The generated code beside the .proto files."""

from __future__ import annotations

import filecmp
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("v1", "open_inference")


def test_generated_code_is_current(tmp_path: Path) -> None:
    """Regenerating the code changes no byte of what is committed."""
    if shutil.which("make") is None:
        pytest.skip("make is missing")
    if not (ROOT / ".venv-proto" / ".done").exists():
        pytest.skip("the code generator is not installed: `make test` installs it")
    made = subprocess.run(
        ["make", "proto", f"OUT={tmp_path}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    for package in PACKAGES:
        committed, fresh = ROOT / "proto" / "atomlens" / package, tmp_path / "atomlens" / package
        names = sorted(path.name for path in committed.iterdir() if "_pb2" in path.name and path.is_file())
        assert sorted(path.name for path in fresh.iterdir()) == names
        _, changed, missing = filecmp.cmpfiles(committed, fresh, names, shallow=False)
        assert (changed, missing) == ([], [])
