"""Explanations in files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import ase.io
import numpy as np
import pytest

from atomlens.client import Explanation, InputError, Structure, combine
from atomlens.client.writers import JsonLinesWriter, TextWriter, open_writer

from .conftest import charge_explanation, energy_explanation, extent_explanation, formation_explanation

CO = Structure([6, 8], [[0.0, 0.0, 0.0], [0.0, 0.0, 1.1]], np.eye(3) * 9, [True, False, False], id="co@0")


@pytest.fixture
def three() -> list[Explanation]:
    """Both heads for water, one head for each of two answers about CO."""
    water = combine([energy_explanation(), charge_explanation()])
    return [water, energy_explanation(CO), charge_explanation(CO)]


def write(path: Path, explanations: list[Explanation]) -> None:
    """Write a file."""
    with open_writer(path) as writer:
        for explanation in explanations:
            writer.write(explanation)


def test_json(tmp_path: Path, three: list[Explanation]) -> None:
    """`.json` is one array of what `to_dict` gives, `.jsonl` and the terminal a line for each."""
    write(tmp_path / "a.json", three)
    write(tmp_path / "a.jsonl", three)
    expected = [json.loads(json.dumps(explanation.to_dict())) for explanation in three]
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == expected
    lines = (tmp_path / "a.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line) for line in lines.splitlines()] == expected
    stream = io.StringIO()
    for explanation in three:
        JsonLinesWriter(stream).write(explanation)
    assert stream.getvalue() == lines


def test_text(three: list[Explanation]) -> None:
    """Tables are what `str` gives, with blank lines between."""
    stream = io.StringIO()
    writer = TextWriter(stream)
    for explanation in three:
        writer.write(explanation)
    assert stream.getvalue() == "\n\n\n".join(map(str, three)) + "\n"


def test_extxyz(tmp_path: Path, three: list[Explanation]) -> None:
    """`.extxyz` has a frame for each, with results, models, versions and digests."""
    write(tmp_path / "a.extxyz", three)
    frames = ase.io.read(tmp_path / "a.extxyz", ":")
    assert isinstance(frames, list)
    assert [frame.info["models"] for frame in frames] == ["e q", "e", "q"]
    assert [np.atleast_1d(frame.info["versions"]).tolist() for frame in frames] == [[2, 1], [2], [1]]
    assert frames[1].info["digests"] == "ab" * 32
    assert frames[1].calc.results["energy"] == three[1].energy
    assert frames[2].pbc.tolist() == [True, False, False]
    np.testing.assert_allclose(frames[2].calc.results["charges"], three[2].contributions["charge"], atol=1e-8)


def test_csv(tmp_path: Path, three: list[Explanation]) -> None:
    """`.csv` has a row for each atom; what an answer has not is empty."""
    write(tmp_path / "a.csv", three)
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == ["water.xyz@0"] * 3 + ["co@0"] * 4
    assert [row["element"] for row in rows] == ["O", "H", "H", "C", "O", "C", "O"]
    expected = [str(value) for one in three[:2] for value in one.contributions["energy"]] + ["", ""]
    assert [row["energies [eV]"] for row in rows] == expected
    assert [row["charges [e]"] for row in rows[3:5]] == ["", ""]
    assert [(row["models"], row["versions"], row["digests"]) for row in rows[3:5]] == [
        ("e", "2", "ab" * 32)
    ] * 2
    assert all(None not in row.values() for row in rows)


def test_npz(tmp_path: Path, three: list[Explanation]) -> None:
    """`.npz` has flat arrays without objects; what an answer has not is NaN."""
    write(tmp_path / "a.npz", three)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        arrays = dict(file)
    assert arrays["counts"].tolist() == [3, 2, 2]
    assert arrays["numbers"].tolist() == [8, 1, 1, 6, 8, 6, 8]
    missing = [np.nan, np.nan]
    np.testing.assert_array_equal(
        arrays["energies"], [*three[0].contributions["energy"], *three[1].contributions["energy"], *missing]
    )
    np.testing.assert_array_equal(arrays["energy"], [three[0].energy, three[1].energy, np.nan])
    assert arrays["dipole"].shape == (3, 3)
    assert np.isnan(arrays["dipole"][1]).all()
    assert np.isnan(arrays["cell"][0]).all()
    assert arrays["pbc"].tolist() == [[False] * 3] + [[True, False, False]] * 2
    assert arrays["models"].tolist() == ["e q", "e", "q"]
    assert arrays["versions"].tolist() == ["2 1", "2", "1"]
    assert arrays["digests"][2] == "cd" * 32
    assert json.loads(str(arrays["units"]))["energies"] == "eV"


def test_other_heads(tmp_path: Path) -> None:
    """Every format has the property and the contributions of heads that are neither energy nor charge."""
    both = [extent_explanation(), formation_explanation()]
    extent, formation = both[0].properties["extent"], both[1].properties["formation_energy"]
    for suffix in ("json", "csv", "npz", "extxyz"):
        write(tmp_path / f"a.{suffix}", both)
    water, salt = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert (water["properties"], water["units"]["properties.extent"]) == ({"extent": extent}, "Å²")
    assert salt["contributions"] == {"formation_energy": [-1.0, -2.0]}
    assert salt["units"]["properties.formation_energy"] == "eV/atom"
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["extent [electrons]"] for row in rows] == ["8.0", "1.0", "1.0", "", ""]
    assert [row["properties.extent [Å²]"] for row in rows] == [str(extent)] * 3 + [""] * 2
    assert [row["formation_energy [eV]"] for row in rows] == ["", "", "", "-1.0", "-2.0"]
    assert [row["properties.formation_energy [eV/atom]"] for row in rows[2:]] == ["", "-1.5", "-1.5"]
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["properties.extent"], [extent, np.nan])
        np.testing.assert_array_equal(file["formation_energy"], [np.nan] * 3 + [-1.0, -2.0])
        assert json.loads(str(file["units"]))["extent"] == "electrons"
    first, second = ase.io.iread(tmp_path / "a.extxyz")
    assert first.info["extent"] == pytest.approx(extent)
    assert first.arrays["extent"].tolist() == [8.0, 1.0, 1.0]
    assert (second.info["formation_energy"], second.pbc.all()) == (formation, True)
    assert second.arrays["formation_energy"].tolist() == [-1.0, -2.0]


@pytest.mark.parametrize("suffix", ["json", "jsonl", "extxyz", "csv", "npz"])
def test_no_explanations(tmp_path: Path, suffix: str) -> None:
    """A file without explanations is one that can be read."""
    write(tmp_path / f"a.{suffix}", [])
    assert (tmp_path / f"a.{suffix}").exists()
    if suffix == "json":
        assert json.loads((tmp_path / "a.json").read_text()) == []
    if suffix == "npz":
        with np.load(tmp_path / "a.npz") as file:
            assert file["counts"].tolist() == []


@pytest.mark.parametrize("suffix", ["json", "npz", "csv"])
def test_failure(tmp_path: Path, three: list[Explanation], suffix: str) -> None:
    """When something fails half way, there is no file."""

    def fail() -> None:
        with open_writer(tmp_path / f"a.{suffix}") as writer:
            writer.write(three[0])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_unknown_suffix(tmp_path: Path) -> None:
    """A suffix that names no format is refused with those that do."""
    with (
        pytest.raises(InputError, match=r"`output` must end in .extxyz, .* got 'a.txt'"),
        open_writer(tmp_path / "a.txt"),
    ):
        pass
