"""Reports read back from their pages."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from atomlens.client import Structure, UnreadableFileError
from atomlens.client.probe import Grid
from atomlens.client.report import Report, load_report
from atomlens.client.report.storage import OPENING

from .conftest import SALT, WATER, explanation_of, probe_map, surface_map


def written(report: Report, folder: Path) -> Report:
    """Return what comes back of a report that is written."""
    path = folder / "report.html"
    report.write(path)
    return load_report(path)


def test_the_explanation(water: Report, tmp_path: Path) -> None:
    """It is the same to the last bit: structure, every head with its parts, models and warnings."""
    back = written(water, tmp_path)
    assert water.explanation is not None
    assert back.explanation is not None
    assert back.explanation.to_dict() == water.explanation.to_dict()
    assert str(back.explanation) == str(water.explanation)
    assert (back.means, back.notes) == (water.means, water.notes)
    assert (back.date, back.version, back.models) == ("2026-01-02", "9.9", water.models)


def test_surfaces(water: Report, tmp_path: Path) -> None:
    """They keep faces, values and what extrapolates; vertices are narrowed, and shared by models."""
    back = written(water, tmp_path)
    assert len(back.surfaces) == len(water.surfaces) == 4
    for one, other in zip(back.surfaces, water.surfaces, strict=True):
        assert (one.surface, one.map.model, one.map.fields) == (
            other.surface,
            other.map.model,
            other.map.fields,
        )
        np.testing.assert_allclose(one.mesh.vertices, other.mesh.vertices, atol=1e-6)
        np.testing.assert_array_equal(one.mesh.faces, other.mesh.faces)
        np.testing.assert_array_equal(one.map.values, other.map.values)
        assert one.map.closest == other.map.closest
        assert one.map.flagged == other.map.flagged
    assert len(back.meshes) == 2


def test_far_from_the_origin(tmp_path: Path) -> None:
    """Vertices are as exact there."""
    far = Structure(WATER.numbers, WATER.positions + 20_000.0)
    one = surface_map(far, 2.0)
    (back,) = written(Report(far, surfaces=(one,)), tmp_path).surfaces
    np.testing.assert_allclose(back.mesh.vertices, one.mesh.vertices, atol=1e-6)


def test_maps(tmp_path: Path) -> None:
    """Grids and lists of points come back, with atoms that were left out."""
    grid = Grid([-1.0, -2.0, -1.5], np.diag([0.5, 0.4, 0.3]), (4, 5, 6))
    maps = (replace(probe_map(WATER, grid, 1.0), left_out=(1,)), probe_map(WATER, grid.points()))
    first, second = written(Report(WATER, maps=maps), tmp_path).maps
    assert repr(first.grid) == repr(grid)
    assert first.left_out == (1,)
    np.testing.assert_array_equal(first.values, maps[0].values)
    np.testing.assert_array_equal(first.extrapolating, maps[0].extrapolating)
    np.testing.assert_array_equal(second.points(), grid.points())


def test_crystals(tmp_path: Path) -> None:
    """A cell and what repeats come back too."""
    back = written(Report(SALT, explanation_of(SALT)), tmp_path)
    assert SALT.cell is not None
    np.testing.assert_array_equal(back.structure.cell, SALT.cell)
    assert back.structure.pbc.all()


@pytest.mark.parametrize("name", ["</script><b>", "<!--<script>", "a&b\"'", "\u2028"])
def test_names_end_no_script(name: str, tmp_path: Path) -> None:
    """Whatever a structure is called, the page stays whole and the name comes back."""
    structure = Structure(WATER.numbers, WATER.positions, id=name)
    report = Report(structure, explanation_of(structure))
    text = report.html()
    assert len(re.findall("</script>", text)) == 3
    assert "<!--" not in text
    assert written(report, tmp_path).structure.id == name


@pytest.mark.parametrize(
    "content",
    ["", "<html></html>", OPENING + "{", OPENING + "[]</script>", OPENING + '{"format": 99}</script>'],
)
def test_other_files(content: str, tmp_path: Path) -> None:
    """A file that is no report is refused by name."""
    path = tmp_path / "other.html"
    path.write_text(content)
    with pytest.raises(UnreadableFileError, match=r"other\.html is no report of AtomLens"):
        load_report(path)


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there, and a directory, are refused as files of maps are."""
    with pytest.raises(UnreadableFileError, match=r"none\.html cannot be read: there is no such") as caught:
        load_report(tmp_path / "none.html")
    assert (caught.value.reason, caught.value.field) == ("NO_SUCH_FILE", str(tmp_path / "none.html"))
    with pytest.raises(UnreadableFileError, match="cannot be read: Is a directory") as caught:
        load_report(tmp_path)
    assert caught.value.reason == "UNREADABLE"


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ('"dtype": "f4"', '"dtype": "f8"'),
        ('"bytes": "', '"bytes": "*'),
        ('"meshes": [', '"meshes": [], "others": ['),
        ('"structure": {', '"structure": [], "other": {'),
    ],
)
def test_damaged_files(part: str, wrong: str, water: Report, tmp_path: Path) -> None:
    """A report whose data are no longer whole is refused too."""
    path = tmp_path / "damaged.html"
    before, opening, data = water.html().partition(OPENING)
    assert part in data
    path.write_text(before + opening + data.replace(part, wrong), encoding="utf-8")
    with pytest.raises(UnreadableFileError, match=r"damaged\.html is no report of AtomLens"):
        load_report(path)


def test_flags_of_values_between_points(tmp_path: Path) -> None:
    """What was flagged stays so, though the distances of the map do not tell."""
    one = surface_map(WATER, 2.0)
    flags = np.random.default_rng(0).random(one.map.values.shape) < 0.5
    report = Report(WATER, surfaces=(replace(one, map=one.map.with_extrapolating(flags)),))
    (back,) = written(report, tmp_path).surfaces
    np.testing.assert_array_equal(back.map.extrapolating, flags)
