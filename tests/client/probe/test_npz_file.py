"""`atomlens.client.probe.npz_file`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atomlens.client import Structure, UnreadableFileError
from atomlens.client.probe import Grid, ProbeMap

from .conftest import CRYSTAL, POINTS, SKEWED, WATER, probe_map

ION = Structure([7, 1], [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]], charge=1.0, spin=2, id="ion ä")
MAPS = {
    "grid": probe_map(heads=("energy", "charge"), left_out=(2, 0)),
    "points": probe_map(POINTS),
    "crystal": probe_map(SKEWED, CRYSTAL),
    "ion": probe_map(POINTS, ION, elements="C"),
    "difference": probe_map().difference("H", "C"),
    "two tables": replace(
        probe_map(POINTS), closest={"H": {"O": 1.0, "H": 0.5, "N": 0.7}, "C": {"H": 0.8, "O": 0.9}}
    ),
}


@pytest.mark.parametrize("name", MAPS)
def test_a_map_comes_back(name: str, tmp_path: Path) -> None:
    """Everything is as it was written, bit by bit."""
    found = MAPS[name]
    (path,) = found.write(tmp_path / "out.npz")
    back = ProbeMap.load(path)
    assert (back.fields, back.model, back.left_out) == (found.fields, found.model, found.left_out)
    assert {probe: dict(row) for probe, row in back.closest.items()} == {
        probe: dict(row) for probe, row in found.closest.items()
    }
    np.testing.assert_array_equal(back.values, found.values)
    np.testing.assert_array_equal(back.points(), found.points())
    np.testing.assert_array_equal(back.extrapolating, found.extrapolating)
    assert isinstance(back.where, Grid) is isinstance(found.where, Grid)
    for field in ("numbers", "positions", "cell", "pbc", "charge", "spin", "id"):
        np.testing.assert_array_equal(getattr(back.structure, field), getattr(found.structure, field))
    assert str(back) == str(found)


def test_arrays(tmp_path: Path) -> None:
    """Whoever has NumPy alone finds values, points, names and units, and no objects."""
    grid, points = probe_map(heads=("energy", "charge")), probe_map(POINTS)
    (path,) = grid.write(tmp_path / "grid.npz")
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    assert all(array.dtype != np.object_ for array in arrays.values())
    assert arrays["values"].shape == arrays["extrapolating"].shape == (4, 5, 6, 7)
    assert arrays["names"].tolist() == ["energy.H", "energy.C", "charge.H", "charge.C"]
    assert (arrays["units"].tolist(), arrays["elements"].tolist()) == (["eV", "eV", "e", "e"], ["H", "C"] * 2)
    assert arrays["axes"].tolist() == grid.grid.axes.tolist()
    assert np.isnan(arrays["cell"]).all()
    (path,) = points.write(tmp_path / "points.npz")
    with np.load(path, allow_pickle=False) as file:
        assert file["points"].tolist() == POINTS.tolist()
        assert "origin" not in file


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        (b"", "it holds no probe map"),
        (b"PK\x03\x04 cut off", "it holds no probe map"),
        (b"some text", "it holds no probe map"),
        ({"values": np.zeros(3)}, "it holds no probe map"),
        (np.zeros(3), "it holds no probe map"),
    ],
    ids=["missing", "empty", "broken", "text", "other arrays", "npy"],
)
def test_files_that_hold_no_map(content: Any, message: str, tmp_path: Path) -> None:
    """They are refused by name, whatever is in them."""
    path = tmp_path / "in.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, dict):
        np.savez(path, **content)
    elif content is not None:
        with path.open("wb") as stream:
            np.save(stream, content)
    with pytest.raises(UnreadableFileError, match=message) as caught:
        ProbeMap.load(path)
    assert caught.value.field == str(path)


def test_a_map_that_was_tampered_with(tmp_path: Path) -> None:
    """Arrays that do not belong together are no map."""
    (path,) = probe_map(structure=WATER).write(tmp_path / "out.npz")
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **(arrays | {"values": arrays["values"][:1]}))
    with pytest.raises(UnreadableFileError, match=r"no sound probe map: `values` must be \(2, 5, 6, 7\)"):
        ProbeMap.load(path)
