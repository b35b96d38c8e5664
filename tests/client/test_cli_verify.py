"""`atomlens verify`."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pytest

from atomlens.client.cli import verify
from atomlens.server import verification
from atomlens.server.verification import Row


def run(*arguments: str) -> int:
    """Run the command with these arguments."""
    parser = argparse.ArgumentParser()
    verify.add_parser(parser.add_subparsers())
    args = parser.parse_args(["verify", *arguments])
    return int(args.run(args))


def test_a_sound_bundle_exits_with_zero(toy_repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every case and variant has a line."""
    assert run(str(toy_repository / "toy-schnet-energy" / "1")) == 0
    printed = capsys.readouterr().out
    assert "no pairs" in printed
    assert "all, rotated" in printed
    assert "above" not in printed


def test_a_damaged_bundle_is_an_error(toy_repository: Path, tmp_path: Path) -> None:
    """The bundle, the file and the reason are named."""
    bundle = Path(
        shutil.copytree(toy_repository / "toy-bpnn-energy" / "1", tmp_path / "toy-bpnn-energy" / "1")
    )
    (bundle / "atoms.onnx").write_bytes(b"")
    with pytest.raises(ValueError, match=r"toy-bpnn-energy/1: atoms\.onnx: its SHA-256"):
        run(str(bundle))


def test_errors_beyond_the_tolerance_exit_with_two(
    toy_repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table is printed, with what is wrong marked, and the verdict goes to standard error."""
    rows = [Row("one atom", "energy", 1, 1e-7), Row("no pairs", "energy", 4, 0.5)]
    monkeypatch.setattr(verification, "verify_bundle", lambda *_: rows)
    assert run(str(toy_repository)) == 2
    captured = capsys.readouterr()
    assert [line.endswith("above 0.0001") for line in captured.out.splitlines()] == [False, False, True]
    assert "1 of 2 errors exceed 0.0001" in captured.err
