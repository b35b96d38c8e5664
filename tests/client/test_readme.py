"""The transcript in the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from atomlens.client.cli import main

ROOT = Path(__file__).parents[2]
NUMBER = re.compile(r"-?\d+\.\d+")
PRECISION = 5e-4  # another processor may round the last printed digit of a float32 sum otherwise


def test_transcript_of_the_demo_is_real(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the README shows is what the command prints: every word, and every number to its precision."""
    shown = re.search(r"\$ make demo\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown
    monkeypatch.chdir(ROOT)
    assert main(["explain", "examples/aspirin.xyz", "--format", "table"]) == 0
    printed = capsys.readouterr().out
    assert _words(printed) == _words(shown[1])
    assert _numbers(printed) == pytest.approx(_numbers(shown[1]), abs=PRECISION)


def _words(text: str) -> list[str]:
    return NUMBER.sub("#", text).split()


def _numbers(text: str) -> list[float]:
    return [float(number) for number in NUMBER.findall(text)]
