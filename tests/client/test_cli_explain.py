"""`atomlens explain`."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from atomlens.client import Client, Explanation
from atomlens.client.cli.main import main
from atomlens.client.testing import RunningServer

from .conftest import MODELS

KEYS = {
    *("id", "numbers", "positions", "cell", "pbc", "charge", "energy", "energies", "energies_model"),
    *("energies_offset", "charges_raw", "charges", "dipole", "dipole_magnitude", "dipole_origin"),
    *("properties", "contributions", "units", "models", "warnings"),
}
ASKED = [word for model in MODELS for word in ("-m", model)]


@pytest.fixture(params=["local", "server"])
def where(request: pytest.FixtureRequest, toy_repository: Path, server: RunningServer) -> list[str]:
    """Return the arguments that say where models are."""
    return ["--models", str(toy_repository)] if request.param == "local" else ["--server", server.address]


def lines(text: str) -> list[dict[str, Any]]:
    """Return the lines of JSON, in which NaN has no place."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def test_json_lines(
    where: list[str], molecule_file: Path, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """Piped, there is one line for each structure, in order, with everything in it."""
    assert main(["explain", f"{molecule_file}@2:5", str(molecule_file), *ASKED, *where]) == 0
    found = lines(capsys.readouterr().out)
    assert [line["id"] for line in found] == [f"{molecule_file}@{k}" for k in [2, 3, 4, *range(10)]]
    expected = client.explain(f"{molecule_file}@2", MODELS)
    assert all(set(line) == KEYS for line in found)
    assert found[0]["energies"] == pytest.approx(expected.contributions["energy"].tolist(), abs=1e-3)
    assert [model["name"] for model in found[0]["models"]] == list(MODELS)
    assert all(len(model["digest"]) == 64 and model["version"] == 1 for model in found[0]["models"])


def test_options_between_files(
    where: list[str], molecule_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options may stand between files."""
    first, second = f"{molecule_file}@0", f"{molecule_file}@1"
    assert main(["explain", "-m", MODELS[0], first, "-m", MODELS[1], second, *where]) == 0
    found = lines(capsys.readouterr().out)
    assert [line["id"] for line in found] == [first, second]
    assert [model["name"] for model in found[1]["models"]] == list(MODELS)


def test_end_of_options(
    where: list[str],
    molecule_file: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After `--` a word with a dash is a file, such as a part of standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(molecule_file.read_bytes())))
    assert main(["explain", *ASKED, *where, "--", "-@1", f"{molecule_file}@0"]) == 0
    assert [line["id"] for line in lines(capsys.readouterr().out)] == ["-@1", f"{molecule_file}@0"]


def test_failed_standard_input(
    where: list[str],
    molecule_file: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bytes of no known format on standard input fail alone."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\x00\x80"), encoding="utf-8"))
    assert main(["explain", "-", f"{molecule_file}@0", *ASKED, *where]) == 1
    captured = capsys.readouterr()
    assert len(lines(captured.out)) == 1
    assert captured.err.startswith("atomlens: -: ")
    assert captured.err.count("\n") == 1


def test_failed_version(
    toy_repository: Path, molecule_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A version of an asked model that could not be loaded is told; another one answers."""
    repository = tmp_path / "models"
    shutil.copytree(toy_repository, repository)
    for model in ("toy-schnet-energy", "toy-bpnn-energy"):
        shutil.copytree(repository / model / "1", repository / model / "3")
        (repository / model / "3" / "atoms.onnx").write_bytes(b"nothing")
    asked = ["explain", f"{molecule_file}@0", "--models", str(repository)]
    assert main([*asked, "-m", "toy-schnet-energy"]) == 0
    captured = capsys.readouterr()
    assert [model["version"] for model in lines(captured.out)[0]["models"]] == [1]
    assert captured.err.startswith("atomlens: toy-schnet-energy@3 could not be loaded: ")
    assert captured.err.count("\n") == 1
    assert main([*asked, "-m", "toy-schnet-energy@1"]) == 0
    assert capsys.readouterr().err == ""


def test_table(where: list[str], molecule_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table shows atomic energies and charges side by side."""
    assert main(["explain", f"{molecule_file}@0", "--format", "table", *ASKED, *where]) == 0
    text = capsys.readouterr().out
    assert "learned  free atom" in " ".join(text.split("\n")[2].split("   ")) or "learned" in text
    assert "charge" in text
    assert "Only the total is observable." in text


def test_shared_heads(where: list[str], molecule_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Models that share a head answer in lines of their own, the others with the first."""
    models = ["-m", "toy-schnet-energy", "-m", "toy-bpnn-energy", "-m", "toy-bpnn-dipole"]
    assert main(["explain", f"{molecule_file}@:2", *models, *where]) == 0
    found = lines(capsys.readouterr().out)
    assert [(line["id"][-1], [model["name"] for model in line["models"]]) for line in found] == [
        (frame, models)
        for frame in "01"
        for models in (["toy-schnet-energy", "toy-bpnn-dipole"], ["toy-bpnn-energy"])
    ]


def test_energy_unit(where: list[str], molecule_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Energies come in the unit that was asked for, charges do not change."""
    for unit in ("eV", "kcal/mol"):
        assert main(["explain", f"{molecule_file}@0", "--energy-unit", unit, *ASKED, *where]) == 0
    ev, kcal = lines(capsys.readouterr().out)
    assert kcal["energy"] / ev["energy"] == pytest.approx(23.0605, abs=1e-4)
    assert kcal["units"]["energies"] == "kcal/mol"
    assert kcal["charges"] == pytest.approx(ev["charges"])


def test_failures(
    where: list[str], molecule_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What fails is told on a line each with its id, the rest is answered, and the exit code is 1."""
    bad = {
        "truncated.xyz": "3\n\nH 0 0 0\n",
        "silicon.xyz": "1\n\nSi 0 0 0\n",
        "nan.xyz": "2\n\nH 0 0 0\nH 0 0 nan\n",
        "same.xyz": "2\n\nH 0 0 0\nH 0 0 0\n",
        "far.xyz": "2\n\nH 0 0 0\nH 0 0 1e12\n",
        "empty.xyz": "0\n\n",
        "charged.xyz": "2\ncharge=1\nH 0 0 0\nH 0 0 1\n",
        "cellless.xyz": '2\npbc="T T T"\nH 0 0 0\nH 0 0 1\n',
        "noise.cif": "\x00\x01",
    }
    for name, content in bad.items():
        (tmp_path / name).write_text(content)
    names = [str(tmp_path / name) for name in (*bad, "none.xyz")]
    assert main(["explain", *names[:4], str(molecule_file), *names[4:], *ASKED, *where]) == 1
    captured = capsys.readouterr()
    assert len(lines(captured.out)) == 10
    errors = captured.err.splitlines()
    assert [line.split(": ")[1].rpartition("@")[0] or line.split(": ")[1] for line in errors] == names
    assert "Si" in errors[1]
    assert "toy-schnet-energy" in errors[1]


def test_partial_failure(
    where: list[str], molecule_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What one model refuses the others answer; the refusal is told with the model's name."""
    atoms = ase.io.read(molecule_file, "0")
    assert isinstance(atoms, ase.Atoms)
    atoms.cell, atoms.pbc = np.eye(3) * 9, True
    path = tmp_path / "crystal.extxyz"
    ase.io.write(path, atoms)
    assert main(["explain", str(path), *ASKED, *where]) == 1
    captured = capsys.readouterr()
    (line,) = lines(captured.out)
    assert line["energy"] is not None
    assert line["dipole"] is None
    assert line["cell"] == (np.eye(3) * 9).tolist()
    assert captured.err.startswith(f"atomlens: {path}@0: toy-schnet-dipole@1: ")


def test_crystals(where: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One crystal in any format, supercell and basis, left-handed too, has one energy of formation."""
    salt = bulk("NaCl", "rocksalt", a=5.64)
    flipped = ase.Atoms("NaCl", salt.positions, cell=salt.cell.array[[1, 0, 2]], pbc=True)
    frames = {
        "salt.cif": bulk("NaCl", "rocksalt", a=5.64, cubic=True),
        "POSCAR": salt,
        "salt.extxyz": salt,
        "flipped.extxyz": flipped,
        "large.extxyz": salt.repeat((2, 3, 1)),  # type: ignore[no-untyped-call]
    }
    for name, atoms in frames.items():
        ase.io.write(tmp_path / name, atoms)
    names = [str(tmp_path / name) for name in frames]
    assert main(["explain", *names, "-m", "toy-schnet-formation", *where]) == 0
    found = lines(capsys.readouterr().out)
    assert [len(line["numbers"]) for line in found] == [8, 2, 2, 2, 12]
    energies = [line["properties"]["formation_energy"] for line in found]
    assert energies == pytest.approx([energies[0]] * 5, abs=4e-6)
    for line in found:
        mean = np.mean(line["contributions"]["formation_energy"])
        assert line["properties"]["formation_energy"] == pytest.approx(mean)


def test_wrong_crystals(where: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cell that is missing or flat and sites that are occupied in part are refused, each on a line."""
    atoms = 'Properties=species:S:1:pos:R:3 pbc="T T T"\nNa 0 0 0\nCl 0 0 2.8\n'
    (tmp_path / "missing.xyz").write_text(f"2\n{atoms}")
    (tmp_path / "flat.xyz").write_text(f'2\nLattice="4 0 0 0 4 0 4 4 0" {atoms}')
    alloy = bulk("Cu", a=3.7, cubic=True)
    ase.io.write(tmp_path / "alloy.cif", alloy)
    text = (tmp_path / "alloy.cif").read_text()
    (tmp_path / "alloy.cif").write_text(text.replace("1.0000", "0.7500"))
    needle = 'Lattice="0.3 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3'
    (tmp_path / "needle.xyz").write_text(f"1\n{needle}\nNa 0 0 0\n")
    names = [str(tmp_path / name) for name in ("missing.xyz", "flat.xyz", "alloy.cif", "needle.xyz")]
    assert main(["explain", *names, "-m", "toy-bpnn-formation", *where]) == 1
    captured = capsys.readouterr()
    missing, flat, disordered = captured.err.splitlines()
    assert missing.endswith("`cell` must span the directions in which `pbc` is set, got none")
    assert flat.endswith("got [[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [4.0, 4.0, 0.0]]")
    assert disordered.endswith("`occupancy` must be one whole atom on every site, got 0.75 Cu")
    (line,) = lines(captured.out)
    assert "(Na-Na) are 0.300 Å apart" in line["warnings"][0]


@pytest.mark.parametrize("suffix", ["json", "jsonl", "extxyz", "csv", "npz"])
def test_output(where: list[str], molecule_file: Path, tmp_path: Path, suffix: str) -> None:
    """An output file carries model, version and digest in every format."""
    path = tmp_path / f"out.{suffix}"
    assert main(["explain", str(molecule_file), *ASKED, *where, "-o", str(path)]) == 0
    if suffix == "npz":
        with np.load(path) as file:
            assert file["models"].tolist() == [" ".join(MODELS)] * 10
            assert len(file["digests"][0]) == 129
    else:
        assert all(model in path.read_text(encoding="utf-8") for model in MODELS)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-m", "nothing"], 3, "nothing"),
        (["-m", MODELS[0], "-m", MODELS[0]], 2, "`model` must name one or more different models"),
        (["-o", "out.txt"], 2, "`output` must end in"),
        (["--format-in", "nonsense", *ASKED], 2, "`format` must be a name that ASE has"),
        (["-o", "missing/out.json", *ASKED], 2, "missing"),
    ],
)
def test_wrong_arguments(
    where: list[str],
    molecule_file: Path,
    arguments: list[str],
    code: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A wrong argument is one clear line, and nothing is answered."""
    assert main(["explain", str(molecule_file), *arguments, *where]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert words in captured.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--server", "127.0.0.1:1", "--timeout", "5"], 3),
        (["--models", "nowhere"], 3),
        (["--server", "a:1", "--models", "b"], 2),
    ],
)
def test_nobody_there(
    molecule_file: Path, arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server or repository that is not there is one clear line."""
    assert main(["explain", str(molecule_file), *arguments]) == code
    assert capsys.readouterr().err.count("\n") == 1


def test_long_input(local: Client, molecule_file: Path) -> None:
    """More structures than a window holds come out in order."""
    count = 0
    for outcome in local.stream([molecule_file] * 400, MODELS):
        assert isinstance(outcome, Explanation)
        assert outcome.id == f"{molecule_file}@{count % 10}"
        count += 1
    assert count == 4000
