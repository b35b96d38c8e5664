"""What a report holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from atomlens.client import InputError, Structure
from atomlens.client.probe import Grid
from atomlens.client.report import Report

from .conftest import CHARGE, ENERGY, WATER, probe_map, surface_map


def test_in_a_console(water: Report) -> None:
    """A report says in a line what is in it, and has no array in it."""
    assert repr(water) == "<Report dir/water.xyz@0: 3 atoms, 2 surfaces by e@2 and q@1>"
    found = probe_map(WATER, Grid([0.0] * 3, [[1, 0, 0], [0, 1, 0], [0, 0, 1]], (2, 2, 2)))
    assert repr(Report(WATER, maps=(found,))) == "<Report dir/water.xyz@0: 3 atoms, 1 map by e@2>"
    assert repr(Report(Structure([2], [[0.0] * 3]))) == "<Report He: 1 atom>"


def test_models_and_meshes(water: Report) -> None:
    """Each is there once, whoever said how much on it."""
    assert water.models == (ENERGY, CHARGE)
    assert [str(one.surface) for one in water.meshes] == ["distance:1.6", "distance:2"]
    assert Report(WATER, surfaces=(surface_map(WATER, 2.0, model=CHARGE),)).models == (CHARGE,)


def test_other_files(water: Report, tmp_path: Path) -> None:
    """A suffix that names no form of a report is refused before anything is written."""
    with pytest.raises(InputError, match=r"`output` must end in \.html, \.htm, \.png, got 'out\.pdf'"):
        water.write(tmp_path / "out.pdf")
    assert list(tmp_path.iterdir()) == []
