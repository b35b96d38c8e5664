"""`atomlens report`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from atomlens.client import Client, Structure
from atomlens.client.cli.main import main
from atomlens.client.report import load_report, reporting
from atomlens.client.testing import RunningServer

from .conftest import MODELS

XYZ = "3\n\nO 0 0 0.1\nH 0 0.8 -0.5\nH 0 -0.8 -0.5\n"
SALT = '2\nLattice="0 2.82 2.82 2.82 0 2.82 2.82 2.82 0" pbc="T T T"\nNa 0 0 0\nCl 2.82 0 0\n'
BOTH = ["-m", MODELS[0], "-m", MODELS[1]]


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Surfaces of few points."""
    monkeypatch.setattr(reporting, "SPACING_ANGSTROM", 0.6)


@pytest.fixture
def water(tmp_path: Path) -> Path:
    """A file with a molecule, in a directory of its own."""
    directory = tmp_path / "in"
    directory.mkdir()
    (directory / "water.xyz").write_text(XYZ)
    return directory / "water.xyz"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty directory."""
    directory = tmp_path / "out"
    directory.mkdir()
    return directory


def test_a_page(
    server: RunningServer, client: Client, water: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has what the models say of the atoms and of every probe on every surface."""
    path = out / "water.html"
    assert main(["report", str(water), *BOTH, "--server", server.address, "-o", str(path)]) == 0
    streams = capsys.readouterr()
    assert (streams.out, streams.err) == (f"wrote {path}\n", "")
    assert list(out.iterdir()) == [path]
    made = load_report(path)
    assert made.explanation is not None
    assert made.explanation.energy == client.explain(water, MODELS).energy
    assert [str(one.surface) for one in made.meshes] == ["distance:1.6", "distance:2", "distance:2.5"]


def test_server_and_process_agree(
    server: RunningServer, toy_repository: Path, water: Path, out: Path
) -> None:
    """A server and the models in this process make the same report."""
    made = []
    for where in (["--server", server.address], ["--models", str(toy_repository)]):
        command = ["report", str(water), *BOTH, *where, "-A", "H, O", "--surface", "distance:1.8"]
        assert main([*command, "-o", str(out / "page.html")]) == 0
        made.append(load_report(out / "page.html"))
    for one, other in zip(*(report.surfaces for report in made), strict=True):
        assert one.map.elements == ("H", "O")
        np.testing.assert_array_equal(one.map.values, other.map.values)


def test_surfaces(server: RunningServer, water: Path, out: Path) -> None:
    """Surfaces are those named, as often as needed."""
    words = ["--surface", "distance:1.7", "--surface", "inverse-power:2:1"]
    command = ["report", str(water), "-m", MODELS[0], "--server", server.address, *words, "-A", "H"]
    assert main([*command, "-o", str(out / "page.html")]) == 0
    names = [str(one.surface) for one in load_report(out / "page.html").surfaces]
    assert names == ["distance:1.7", "inverse-power:2:1"]


def test_standard_output_of_a_crystal(
    server: RunningServer, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is left out is said; where the usual models do not fit, another is asked."""
    file = tmp_path / "salt.xyz"
    file.write_text(SALT)
    path = out / "salt.html"
    assert main(["report", str(file), "--server", server.address, "-A", "Na", "-o", str(path)]) == 0
    streams = capsys.readouterr()
    assert streams.err == "atomlens: There is no surface at distance:2.5: atoms fill the cell.\n"
    assert streams.out == f"wrote {path}\n"
    assert [str(model) for model in load_report(path).models] == ["toy-bpnn-formation@1"]


def test_a_model_that_refuses(
    server: RunningServer, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A named model that has no part in the report is said, and the exit code is 1."""
    ice = tmp_path / "ice.xyz"
    ice.write_text(XYZ.replace("\n\n", '\nLattice="6 0 0 0 6 0 0 0 6" pbc="T T T"\n'))
    command = ["report", str(ice), *BOTH, "--server", server.address, "-A", "H"]
    assert main([*command, "-o", str(out / "ice.html")]) == 1
    assert "atomlens: toy-schnet-dipole@1 has no part in this: " in capsys.readouterr().err
    assert len(load_report(out / "ice.html").models) == 1


def test_a_hint(server: RunningServer, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where every named model refuses, others that would not are named."""
    file = tmp_path / "salt.xyz"
    file.write_text(SALT)
    command = ["report", str(file), "-m", MODELS[0], "--server", server.address]
    assert main([*command, "-o", str(out / "salt.html")]) == 2
    error = capsys.readouterr().err
    assert "know these elements: -m toy-bpnn-formation or -m toy-schnet-formation" in error
    assert list(out.iterdir()) == []


def test_a_hint_knows_of_the_probes(
    server: RunningServer, water: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that takes the structure and not the probes is no way out."""
    command = ["report", str(water), *BOTH, "--server", server.address, "-o", str(out / "water.html")]
    assert main([*command, "-A", "Na"]) == 2
    assert "does not know element Na" in (error := capsys.readouterr().err)
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "page.pdf"], "`output` must end in .html, .htm, .png, got 'page.pdf'"),
        (["-o", "nowhere/page.html"], "there is no directory"),
        (["-o", "."], "`output` must end in"),
        (["-o", "d.html"], "`output` must be a file, got the directory d.html"),
        (["-A", "H,Xx"], "`elements` must be"),
        (["--surface", "sphere:2"], "`surface` must be distance:D or inverse-power:P:C, got 'sphere:2'"),
    ],
)
def test_refused_before_anything_is_asked(
    words: list[str],
    message: str,
    water: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What could only fail after the work is refused before it."""
    monkeypatch.chdir(water.parent)
    Path("d.html").mkdir()
    assert main(["report", str(water), "--server", "127.0.0.1:1", *words]) == 2
    assert capsys.readouterr().err.startswith(f"atomlens: {message}")


def test_no_browser(
    water: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So is a still where there is no browser to draw it."""
    monkeypatch.setenv("PATH", str(out))
    command = ["report", str(water), "--server", "127.0.0.1:1", "-o", str(out / "a.png")]
    assert main(command) == 3
    assert capsys.readouterr().err.startswith("atomlens: a still needs Chromium")


def test_two_structures(water: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of several is refused with how to name one of them."""
    water.write_text(2 * XYZ)
    assert main(["report", str(water), "--server", "127.0.0.1:1"]) == 2
    assert f"{water} must hold one structure: name one of them, as in {water}@0" in capsys.readouterr().err


def test_one_atom(server: RunningServer, tmp_path: Path, out: Path) -> None:
    """A single atom has a report too."""
    file = tmp_path / "atom.xyz"
    file.write_text("1\n\nC 0 0 0\n")
    path = out / "atom.html"
    assert main(["report", str(file), *BOTH, "--server", server.address, "-o", str(path)]) == 0
    assert load_report(path).structure.formula == Structure([6], [[0.0] * 3]).formula
