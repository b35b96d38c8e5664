"""What importing the server does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

VARIABLE = "ORT_DISABLE_TELEMETRY"


def test_no_reports_home(tmp_path: Path) -> None:
    """ONNX Runtime makes no identifier to report its use with."""
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop(VARIABLE, None)
    subprocess.run([sys.executable, "-c", "import atomlens.server.session"], env=environment, check=True)
    assert not any(tmp_path.rglob("deviceid"))


def test_reports_are_asked_for() -> None:
    """Whoever sets the variable has the last word."""
    program = f"import os, atomlens.server; print(os.environ[{VARIABLE!r}])"
    asked = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, VARIABLE: "0"}, check=True, capture_output=True
    )
    assert asked.stdout == b"0\n"
