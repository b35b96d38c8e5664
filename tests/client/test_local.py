"""The engine in this process."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from atomlens.client import Client, MissingExtraError, UnusableModelError


def test_no_repository(tmp_path: Path) -> None:
    """A directory of models that is not there is an error that names it."""
    with pytest.raises(UnusableModelError, match="nowhere"):
        Client.local(tmp_path / "nowhere")


@pytest.mark.parametrize("missing", ["atomlens.server.errors", "atomlens.server.local"])
def test_missing_extra(missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the engine the error names the extra to install."""
    real = builtins.__import__

    def without(name: str, *more: Any, **named: Any) -> Any:
        if name == missing:
            raise ModuleNotFoundError("No module named 'onnxruntime'", name="onnxruntime")
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'atomlens\[server\]'"):
        Client.local(tmp_path)
