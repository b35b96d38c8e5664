"""`atomlens probe`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms

from atomlens.client import Client
from atomlens.client import client as client_module
from atomlens.client.cli import places
from atomlens.client.cli.main import main
from atomlens.client.probe import ProbeMap
from atomlens.client.report import load_report
from atomlens.client.testing import RunningServer

from .conftest import MODELS, WATER

GRID = ["--spacing", "0.8", "--margin", "1.5"]


@pytest.fixture
def water(tmp_path: Path) -> Path:
    """A file with a molecule, in a directory of its own."""
    directory = tmp_path / "in"
    directory.mkdir()
    ase.io.write(directory / "water.xyz", Atoms(WATER.numbers, WATER.positions))
    return directory / "water.xyz"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty directory."""
    directory = tmp_path / "out"
    directory.mkdir()
    return directory


def asked(where: RunningServer | Path, *words: str) -> list[str]:
    """Return the words of a command that asks a toy model on a server or in this process."""
    source = ["--models", str(where)] if isinstance(where, Path) else ["--server", where.address]
    return ["probe", "-m", MODELS[0], *source, *words]


def test_a_grid(
    server: RunningServer, client: Client, water: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The map is written and said in words, a line for each field and its minima."""
    path = out / "map.npz"
    assert main(asked(server, str(water), "-A", "H,C", *GRID, "-o", str(path))) == 0
    expected = client.probe(water, ["H", "C"], MODELS[0], spacing=0.8, margin=1.5).collect()
    found = ProbeMap.load(path)
    np.testing.assert_array_equal(found.values, expected.values)
    assert (found.fields, str(found.grid)) == (expected.fields, str(expected.grid))
    streams = capsys.readouterr()
    assert streams.out == f"{expected}\nwrote {path}\n"
    assert streams.err == ""
    assert list(out.iterdir()) == [path]


def test_server_and_process_agree(
    server: RunningServer, toy_repository: Path, water: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a server says and what the models in this process say is the same; nothing need be written."""
    answers = []
    for where in (server, toy_repository):
        assert main(asked(where, str(water), "-A", "O", *GRID, "--head", "energy")) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1]
    assert "wrote" not in answers[0]


@pytest.mark.parametrize(
    ("suffix", "names"),
    [
        (".cube", ["map.H.cube", "map.C.cube"]),
        (".dx", ["map.H.dx", "map.C.dx"]),
        (".vti", ["map.vti"]),
        (".html", ["map.html"]),
        (".CUBE", ["map.H.CUBE", "map.C.CUBE"]),
    ],
)
def test_files(
    suffix: str,
    names: list[str],
    server: RunningServer,
    water: Path,
    out: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The suffix says what is written, and every file is named."""
    words = asked(server, str(water), "-A", "H, C", *GRID, "-o", str(out / f"map{suffix}"))
    assert main(words) == 0
    assert {path.name for path in out.iterdir()} == set(names)
    assert capsys.readouterr().out.splitlines()[-len(names) :] == [f"wrote {out / name}" for name in names]


@pytest.mark.parametrize("suffix", [".npz", ".NPZ", ".html", ".HTML"])
def test_a_surface(
    suffix: str, server: RunningServer, water: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Probes sit at the corners of a mesh, which is written with what the model says there."""
    path = out / f"surface{suffix}"
    words = asked(server, str(water), "-A", "H", "--surface", "distance:2.0", "--spacing", "0.9")
    assert main([*words, "-o", str(path)]) == 0
    assert "H of energy: " in capsys.readouterr().out
    assert path.stat().st_size
    if suffix.lower() == ".npz":
        with path.open("rb") as stream, np.load(stream) as file:
            nearest = np.linalg.norm(file["vertices"][:, None] - WATER.positions, axis=2).min(axis=1)
            assert file["values"].shape == (1, len(nearest))
        assert 1.9 < nearest.min() < nearest.max() < 2.4


def test_a_surface_near_the_atoms(
    server: RunningServer, water: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nobody says how fine a surface is, it is as fine as its distance needs."""
    assert main(asked(server, str(water), "-A", "H", "--surface", "distance:0.4")) == 0
    assert "H of energy at " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-A", "Na"], "does not know element Na"),
        (["-A", "H", "--head", "charge"], "charge"),
        (["-A", "H", "-m", "nobody"], "nobody"),
    ],
)
def test_refusals_come_before_a_surface(
    words: list[str],
    message: str,
    server: RunningServer,
    water: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What the model refuses is not worth the time that a surface of many atoms takes."""

    def fail(*given: Any) -> None:
        raise AssertionError("a surface was made")

    monkeypatch.setattr(places, "surface_mesh", fail)
    assert main(asked(server, str(water), "--surface", "distance:2", *words)) in (2, 3)
    assert message in capsys.readouterr().err


def test_a_page_of_a_grid(server: RunningServer, client: Client, water: Path, out: Path) -> None:
    """Its surfaces have what the model says there, however coarse the grid is."""
    path = out / "map.html"
    assert main(asked(server, str(water), "-A", "H,O", *GRID, "-o", str(path))) == 0
    made = load_report(path)
    assert [str(one.surface) for one in made.surfaces] == ["distance:1.6", "distance:2", "distance:2.5"]
    one = made.surfaces[1].map
    expected = client.probe(water, ["H", "O"], MODELS[0], points=one.points()).collect()
    np.testing.assert_allclose(one.values, expected.values, rtol=0, atol=2e-6)  # of places in float32


def test_a_page_of_points(server: RunningServer, water: Path, out: Path) -> None:
    """A list of points has a page too."""
    path = out / "map.html"
    assert main(asked(server, str(water), "-A", "N", "--points", str(water), "-o", str(path))) == 0
    (found,) = load_report(path).maps
    assert found.points().tolist() == WATER.positions.tolist()


def test_points(
    server: RunningServer, client: Client, water: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Points are those of a text, or the atoms of a structure."""
    text = water.with_name("where.txt")
    text.write_text("0 0 3\n0 3 0\n")
    path = out / "map.npz"
    assert main(asked(server, str(water), "-A", "N", "--points", str(text), "-o", str(path))) == 0
    expected = client.probe(water, "N", MODELS[0], points=[[0, 0, 3], [0, 3, 0]]).collect()
    np.testing.assert_array_equal(ProbeMap.load(path).values, expected.values)
    assert main(asked(server, str(water), "-A", "N", "--points", str(water))) == 0
    assert "N of energy at 3 points" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-A", "Hx"], "`elements` must be symbols of elements, got 'Hx'"),
        (["-A", "H,H"], "`elements` must be one or more, each once, got ['H', 'H']"),
        (
            ["-A", "H", "-o", "map.xyz"],
            "`output` of a grid must end in .cube, .dx, .vti, .npz, .html, got 'map.xyz'",
        ),
        (["-A", "H", "-o", "no/map.npz"], "there is no directory "),
        (
            ["-A", "H", "--surface", "distance:2", "-o", "map.cube"],
            "`output` of a surface must end in .npz, .html, got 'map.cube'",
        ),
        (
            ["-A", "H", "--surface", "sphere:2"],
            "`surface` must be distance:D or inverse-power:P:C, got 'sphere:2'",
        ),
        (
            ["-A", "H", "--points", "p.txt", "-o", "p.cube"],
            "`output` of a list of points must end in .npz, .html, got",
        ),
        (["-A", "H", "-o", "d.html"], "`output` must be a file, got the directory d.html"),
        (["-A", "H", "--points", "p.txt"], "p.txt: there is no such file"),
        (
            ["-A", "H", "--points", "p.txt", "--surface", "distance:2"],
            "`--surface` and `--points` must not be given together",
        ),
        (["-A", "H", "--points", "p.txt", "--spacing", "1"], "`--spacing` is for grids and surfaces"),
        (["-A", "H", "--surface", "distance:2", "--margin", "1"], "`--margin` is for grids"),
        (["-A", "H", "--spacing", "0"], "`spacing` must be positive and finite, got 0.0"),
        (["-A", "H", "--margin", "-1"], "`margin` must be 0 or more and finite, got -1.0"),
    ],
)
def test_wrong_arguments(
    words: list[str],
    message: str,
    water: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are refused in one line before any model is asked."""

    def fail(*given: Any) -> None:
        raise AssertionError("a model was asked")

    monkeypatch.setattr(client_module.Client, "local", fail)
    monkeypatch.chdir(water.parent)
    Path("d.html").mkdir()
    assert main(["probe", "water.xyz", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"atomlens: {message}")
    assert error.count("\n") == 1


def test_exactly_one_structure(
    molecule_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of several must say which, and a file of none is named."""
    assert main(["probe", str(molecule_file), "-A", "H"]) == 2
    assert f"must hold one structure: name one of them, as in {molecule_file}@0" in capsys.readouterr().err
    assert main(["probe", str(tmp_path / "no.xyz"), "-A", "H"]) == 2
    assert f"atomlens: {tmp_path / 'no.xyz'}: there is no such file" in capsys.readouterr().err


def test_a_part_of_a_file(
    server: RunningServer, molecule_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One structure of several can be named."""
    assert main(asked(server, f"{molecule_file}@3", "-A", "H", "--spacing", "1.0", "--margin", "1.0")) == 0
    assert capsys.readouterr().out.startswith(f"{molecule_file}@3: H of energy at ")


def test_elements_that_the_model_does_not_know(
    toy_repository: Path, water: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that knows the probe and the atoms is named, if there is one."""
    assert main(asked(toy_repository, str(water), "-A", "Na", *GRID)) == 2
    assert "knows these" not in (error := capsys.readouterr().err)
    assert "toy-schnet-energy does not know element Na" in error
    oxide = tmp_path / "oxide.xyz"
    ase.io.write(oxide, Atoms("MgO", [[0, 0, 0], [0, 0, 2.1]]))
    assert main(asked(toy_repository, str(oxide), "-A", "Na", *GRID)) == 2
    assert "-m toy-bpnn-formation or -m toy-schnet-formation\n" in capsys.readouterr().err


def test_what_cannot_be_written_leaves_nothing(
    server: RunningServer, water: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error is one line, and no file is half there."""
    path = out / "map.npz"
    path.mkdir()
    assert main(asked(server, str(water), "-A", "H", *GRID, "-o", str(path))) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert list(out.iterdir()) == [path]
