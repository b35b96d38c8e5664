"""`atomlens train`, from a file of structures to a model that explains."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import molecule

from atomlens.client.cli import main

NAMES = ("H2O", "CH4", "NH3", "CH3OH", "C2H6", "CO2", "HCN", "H2CO", "C2H4", "C2H2", "CH3CH2OH", "N2H4")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Molecules, each four times and a little distorted, with energies that their elements explain."""
    rng = np.random.default_rng(5)
    frames = []
    for name in NAMES * 4:
        atoms = molecule(name)  # type: ignore[no-untyped-call]
        atoms.positions += rng.normal(0, 0.02, atoms.positions.shape)
        atoms.info["u_eV"] = -float(atoms.numbers.sum())
        frames.append(atoms)
    path = tmp_path / "data.xyz"
    ase.io.write(path, frames, format="extxyz")
    return path


def command(data: Path, run: Path, *more: str) -> list[str]:
    """Return the arguments of a short run."""
    small = ["--features", "8", "--blocks", "1", "--gaussians", "8", "--epochs", "2", "--batch-size", "8"]
    fixed = ["--family", "schnet", "--head", "energy", "--label", "u_eV", *small]
    return ["train", str(data), "--run", str(run), *fixed, *more]


def test_a_trained_model_can_be_exported_verified_and_asked(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The four commands of the README follow from each other, and the log has a row for each epoch."""
    run, models = tmp_path / "runs" / "mine", tmp_path / "models"
    assert main(command(data, run)) == 0
    with (run / "log.csv").open() as log:
        assert [row["epoch"] for row in csv.DictReader(log)] == ["1", "2"]
    assert main(["export", str(run / "best.pt"), "-o", str(models)]) == 0
    assert main(["verify", str(models / "mine" / "1")]) == 0
    printed = capsys.readouterr().out
    assert "epoch 2/2" in printed
    assert "test MAE" in printed
    assert main(["explain", f"{data}@0", "--models", str(models), "-m", "mine", "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["energy"] == pytest.approx(sum(answer["energies"]), abs=1e-9)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "holds a run already: give --resume"),
        (["--resume", "--epochs", "3"], "training epochs was 2, now 3"),
        (["--resume", "--features", "16"], "model network was"),
    ],
    ids=["without --resume", "more epochs", "another network"],
)
def test_a_run_is_neither_overwritten_nor_changed(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    """What was trained stays, and a run that goes on is the run that was begun."""
    assert main(command(data, tmp_path / "run")) == 0
    before = (tmp_path / "run" / "best.pt").read_bytes()
    assert main(command(data, tmp_path / "run", *more)) == 2
    assert message in capsys.readouterr().err
    assert (tmp_path / "run" / "best.pt").read_bytes() == before


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--epochs", "0"], "`epochs` must be positive, got 0"),
        (["--label", "missing_eV"], "`missing_eV` is missing in structure 0"),
        (["--label-unit", "D"], "`u_eV` is in D, which is no unit of a label in eV"),
        (["--references", "H=1"], "`--references` lacks the atomic numbers [6, 7, 8]"),
    ],
    ids=["epochs", "label", "unit", "references"],
)
def test_what_is_wrong_is_said_before_the_first_epoch(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    """Nothing is written for a run that cannot be."""
    assert main(command(data, tmp_path / "run", *more)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
