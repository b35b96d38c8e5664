"""`atomlens train`, from a file of structures to a model that explains."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule

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
        atoms.info["v_eV"] = -2.0 * atoms.info["u_eV"]
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


@pytest.fixture
def crystals(tmp_path: Path) -> Path:
    """Metals and salts of a few lattice constants, with energies of formation that follow from them."""
    frames = []
    for name, lattice, a, energy in (
        *(("Na", "bcc", 4.29, 0.0), ("NaCl", "rocksalt", 5.64, -2.1), ("Cu", "fcc", 3.61, 0.0)),
        *(
            ("MgO", "rocksalt", 4.21, -3.0),
            ("CuO", "rocksalt", 4.24, -0.8),
            ("MgCu", "cesiumchloride", 3.1, -0.2),
        ),
    ):
        for strain in (-0.02, -0.01, 0.0, 0.01, 0.02):
            atoms = bulk(name, lattice, a=a * (1 + strain))
            atoms.info["formation_energy_eV_per_atom"] = energy + 100 * strain**2
            frames.append(atoms)
    path = tmp_path / "crystals.extxyz"
    ase.io.write(path, frames)
    return path


@pytest.fixture
def extents(data: Path) -> Path:
    """The molecules with the second moment of their nuclear charges in Å²."""
    frames = ase.io.read(data, ":")
    for atoms in frames:
        centered = atoms.positions - atoms.get_center_of_mass()
        atoms.info["r2_A2"] = float(atoms.numbers @ (centered**2).sum(1))
    ase.io.write(data, frames, format="extxyz")
    return data


@pytest.mark.parametrize(
    ("source", "kind", "label", "head"),
    [
        ("extents", "extent", "r2_A2", "extent"),
        ("crystals", "intensive", "formation_energy_eV_per_atom", "formation_energy"),
    ],
)
@pytest.mark.parametrize("family", ["schnet", "bpnn"])
def test_other_heads_go_the_same_way(
    source: str,
    kind: str,
    label: str,
    head: str,
    family: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Extents of molecules and energies of crystals are trained, exported, verified and explained alike.

    The property follows from the contributions: Σ q r² about the centre of mass, or their mean.
    """
    path = request.getfixturevalue(source)
    fixed = ["--family", family, "--head", kind, "--label", label, "--hidden", "8"]
    assert main([*command(path, tmp_path / "runs" / "mine", "--cutoff", "4"), *fixed]) == 0
    assert main(["export", str(tmp_path / "runs" / "mine" / "best.pt"), "-o", str(tmp_path / "models")]) == 0
    assert main(["verify", str(tmp_path / "models" / "mine" / "1")]) == 0
    capsys.readouterr()
    one = f"{path}@7"
    assert main(["explain", one, "--models", str(tmp_path / "models"), "-m", "mine", "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    atoms = ase.io.read(path, 7)
    assert isinstance(atoms, Atoms)
    contributions = np.array(answer["contributions"][head])
    center = atoms.get_center_of_mass()  # type: ignore[no-untyped-call]
    squares = ((atoms.positions - center) ** 2).sum(1)
    expected = contributions.mean() if kind == "intensive" else contributions @ squares
    assert answer["properties"][head] == pytest.approx(expected, rel=1e-6)


def test_an_interrupted_run_goes_on_to_the_same_weights(data: Path, tmp_path: Path) -> None:
    """Stopped after the first of two epochs, a run ends with the weights of one that was not."""
    from atomlens.export.training import Trainer

    keep = Trainer._keep

    def interrupted(self: Trainer, line: Any) -> None:
        keep(self, line)
        raise KeyboardInterrupt

    assert main(command(data, tmp_path / "whole")) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_keep", interrupted)
        assert main(command(data, tmp_path / "parts")) == 130
    assert main(command(data, tmp_path / "parts", "--resume")) == 0
    whole, parts = (
        torch.load(tmp_path / name / "best.pt", weights_only=True)["weights"] for name in ("whole", "parts")
    )
    assert all(torch.equal(tensor, parts[name]) for name, tensor in whole.items())


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "holds a run already: give --resume"),
        (["--resume", "--epochs", "3"], "training epochs was 2, now 3"),
        (["--resume", "--features", "16"], "model network features was 8, now 16"),
        (["--resume", "--seed", "1"], "training seed was 0, now 1"),
        (
            ["--resume", "--label", "v_eV"],
            "data label was u_eV, now v_eV; labels, split or structures are others",
        ),
    ],
    ids=["without --resume", "more epochs", "another network", "another seed", "another label"],
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


def test_a_run_without_its_state_is_not_overwritten(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights alone are worth keeping; what is missing to go on with them is named."""
    assert main(command(data, tmp_path / "run")) == 0
    (tmp_path / "run" / "state.pt").unlink()
    assert main(command(data, tmp_path / "run")) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert main(command(data, tmp_path / "run", "--resume")) == 2
    assert "state.pt" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--epochs", "0"], "`epochs` must be positive, got 0"),
        (["--learning-rate", "nan"], "`learning_rate` must be positive, got nan"),
        (["--seed", "-1"], "`seed` must not be negative, got -1"),
        (["--cutoff", "-1"], "`cutoff_angstrom` must be above 0 and at most 20 Å, got -1"),
        (["--cutoff", "20.5"], "`cutoff_angstrom` must be above 0 and at most 20 Å, got 20.5"),
        (["--cutoff", "nan"], "`cutoff_angstrom` must be above 0 and at most 20 Å, got nan"),
        (["--features", "0"], "`features` must be 2 at least, got 0"),
        (["--features", "1"], "`features` must be 2 at least, got 1"),
        (["--blocks", "0"], "`blocks` must be 1 at least, got 0"),
        (["--gaussians", "1"], "`gaussians` must be 2 at least, got 1"),
        (["--embedding-scale", "0"], "`embedding_scale` must be 1e-06 at least, got 0"),
        (["--family", "bpnn", "--hidden", "64,0"], "`hidden` must be 1 at least, got 0"),
        (["--family", "bpnn", "--hidden", "64,"], "`--hidden` must be widths such as 64,64, got '64,'"),
        (["--head-name", "my energy"], "`head_name` must be letters, digits and _"),
        (["--head-name", ""], "`head_name` must be letters, digits and _"),
        (["--head-name", "context"], "none of charges, context,"),
        (["--head-name", "positions"], "got 'positions'"),
        (["--head", "intensive", "--label", "E-form_eV"], "got 'E-form'"),
        (["--label", "missing_eV"], "data.xyz: `missing_eV` is missing"),
        (["--label-unit", "D"], "`u_eV` must have one unit: it is eV by its name and D by --label-unit"),
        (["--head", "charge"], "`u_eV` is in eV, which is no unit of a label in e·Å"),
        (["--references", "H=1"], "`--references` lacks the atomic numbers [6, 7, 8]"),
        (
            ["--references", "H=1,C=x,N=1,O=1"],
            "`--references` must read H=-13.6,C=..., got 'H=1,C=x,N=1,O=1'",
        ),
        (["--references", "H,C,N,O"], "`--references` must read H=-13.6,C=..., got 'H,C,N,O'"),
        (["--references", "H=1,C=inf,N=1,O=1"], "`--references` must have one finite number for an element"),
        (
            ["--references", "H=1,H=2,C=1,N=1,O=1"],
            "`--references` must have one finite number for an element",
        ),
        (
            ["--head", "intensive", "--references", "H=1"],
            "`--references` are for --head energy, --head intensive has none",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_said_before_the_first_epoch(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    """In one line that names the argument, and nothing is written for a run that cannot be."""
    assert main(command(data, tmp_path / "run", *more)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_run_needs_a_label(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is required and missing is in the usage."""
    with pytest.raises(SystemExit, match="2"):
        main(["train", str(data), "--run", str(tmp_path / "run"), "--family", "schnet", "--head", "energy"])
    assert "--label" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda frames: frames[3].info.update(u_eV=np.nan), "`u_eV` must be finite, row 3 is not"),
        (lambda frames: frames[3].info.pop("u_eV"), "`u_eV` is missing in structure 3"),
        (lambda frames: frames[3].positions.fill(0.5), "`positions` must not put two atoms on one place"),
        (lambda frames: frames[3].positions.fill(np.inf), "`positions` must be finite"),
        (lambda frames: frames[3].set_pbc(True), "`cell` must span"),
        (lambda frames: frames[3].info.update(charge=1), "`charge` must be 0"),
        (lambda frames: [atoms.info.update(u_eV=-1.0) for atoms in frames], "`u_eV` must differ"),
        (
            lambda frames: [atoms.info.update(u_eV=atoms.info["u_eV"] / 27.211386) for atoms in frames[5:9]],
            "`u_eV` must have one unit: 4 of 48 structures, structure 5 first, are in Ha if the",
        ),
        (
            lambda frames: [
                atoms.info.update(units="Ha" if atoms is frames[5] else "eV") for atoms in frames
            ],
            "`units` must be the same everywhere, got eV in structure 0 and Ha in structure 5",
        ),
    ],
    ids=["nan", "no label", "coincident", "infinite", "no cell", "ion", "equal", "mixture", "units"],
)
def test_bad_data_are_refused_before_the_first_epoch(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Any, message: str
) -> None:
    """The field and the rule are in the one line, and no run is begun."""
    frames = ase.io.read(data, ":")
    for atoms in frames:
        atoms.info.setdefault("charge", 0)
    spoil(frames)
    ase.io.write(data, frames, format="extxyz")
    assert main(command(data, tmp_path / "run")) == 2
    error = capsys.readouterr().err
    assert error.startswith("atomlens: data.xyz: " + message)
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()
