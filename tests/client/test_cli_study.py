"""`atomlens study`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from atomlens.client.cli import main


@pytest.fixture
def data(molecules: list[Atoms], tmp_path: Path) -> Path:
    """Some molecules with invented energies, as extended XYZ."""
    path = tmp_path / "molecules.extxyz"
    frames = [atoms.copy() for atoms in molecules[:8]]  # type: ignore[no-untyped-call]
    for index, atoms in enumerate(frames):
        atoms.info = {"u0_eV": -100.0 - index}
    write(path, frames)
    return path


def test_a_study_writes_a_page_and_its_numbers(
    data: Path, toy_repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The terminal has accuracies, what holds, and what was left out."""
    page = tmp_path / "out.html"
    words = [str(data), "-m", "toy-bpnn-energy", "--label", "energy=u0_eV", "-o", str(page)]
    assert main(["study", *words, "--models", str(toy_repository)]) == 0
    said = capsys.readouterr().out
    assert "toy-bpnn-energy@1" in said
    assert "all structures of molecules.extxyz" in said
    assert "C sp < C sp2 < C sp3" in said
    assert f"wrote {page} and {tmp_path / 'out.json'}" in said
    assert page.read_text().startswith("<!doctype html>")
    numbers = json.loads((tmp_path / "out.json").read_text())
    assert numbers["errors"][0]["structures"] == 8
    assert np.isfinite(numbers["errors"][0]["mae"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "study.txt"], "`--output` must end in .html, got study.txt"),
        (["-o", "nowhere/study.html"], "there is no directory"),
        (["-o", "study.html", "--json", "study.html"], "`--json` must be another file than the page"),
        (["--limit", "0"], "`--limit` must be positive, got 0"),
        (["--label", "energy"], "`--label` must read HEAD=FIELD, got 'energy'"),
        (
            ["--label", "energy=nope", "-m", "toy-bpnn-energy"],
            "`label` must name a field of a file, got 'nope'",
        ),
        (
            ["--label", "foo=u0_eV", "-m", "toy-bpnn-energy"],
            "`label` must name a head of a model, energy, got",
        ),
        (["-m", "nothing"], "nothing"),
    ],
    ids=["suffix", "directory", "one file", "limit", "label", "field", "head", "model"],
)
def test_what_cannot_be_done_is_said_on_one_line(
    words: list[str],
    message: str,
    data: Path,
    toy_repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert main(["study", str(data), *words, "--models", str(toy_repository)]) in (2, 3)
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert list(tmp_path.glob("*.html")) == []


def test_a_file_that_is_none_is_refused(
    toy_repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its name."""
    assert main(["study", str(tmp_path / "missing.npz"), "--models", str(toy_repository)]) == 2
    assert "missing.npz" in capsys.readouterr().err
