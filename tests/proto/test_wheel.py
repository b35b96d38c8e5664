"""The wheel that users install."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the checkout with the tools already installed."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(out.glob("atomlens-*.whl"))


def test_wheel_holds_all_roots_and_models(wheel: Path) -> None:
    """The wheel has the packages of all four roots, typed, every bundled model, and what pages need."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "atomlens/__init__.py" not in names
    for package in ("v1", "open_inference", "export", "server", "client"):
        assert {f"atomlens/{package}/__init__.py", f"atomlens/{package}/py.typed"} <= names
    models = ROOT / "server" / "atomlens" / "server" / "models"
    bundled = {f"atomlens/server/models/{path.relative_to(models)}" for path in models.rglob("*.*")}
    assert bundled
    assert bundled <= names
    assets = ROOT / "client" / "atomlens" / "client" / "report" / "assets"
    assert {f"atomlens/client/report/assets/{path.name}" for path in assets.iterdir()} <= names


def test_wheel_explains_water(wheel: Path, tmp_path: Path) -> None:
    """Unpacked by itself, the wheel explains a molecule with a bundled model."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    water = tmp_path / "water.xyz"
    water.write_text("3\n\nO 0 0 0.119\nH 0 0.763 -0.477\nH 0 -0.763 -0.477\n")
    script = (
        "import atomlens.client as c; print(c.__file__); from atomlens.client.cli import main; exit(main())"
    )
    answered = subprocess.run(
        [sys.executable, "-c", script, "explain", str(water), "-m", "schnet-qm9-energy"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert answered.returncode == 0, answered.stderr
    assert str(tmp_path) in answered.stdout.splitlines()[0], "the checkout was imported, not the wheel"
    assert '"energies"' in answered.stdout
