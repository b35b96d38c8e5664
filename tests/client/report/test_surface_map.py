"""Surfaces with what models say of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from atomlens.client import Client, InputError, Structure
from atomlens.client.probe import ProbeMap
from atomlens.client.report import Surface, mesh, probe_surface

from .conftest import SALT, WATER, surface_map


def test_a_real_server(client: Client) -> None:
    """The values are those of probes at the vertices of the mesh."""
    found = probe_surface(client, WATER, ["H", "C"], "distance:1.8", "toy-schnet-energy", spacing=0.4)
    same = mesh(WATER, "distance:1.8", 0.4)
    np.testing.assert_array_equal(found.mesh.vertices, same.vertices)
    np.testing.assert_array_equal(found.map.points(), same.vertices)
    alone = client.probe(WATER, "C", "toy-schnet-energy", points=same.vertices).collect(progress=False)
    np.testing.assert_array_equal(found.map.values[1], alone.values[0])
    assert (found.surface, found.structure.formula) == (Surface(1.8), "H2O")


@pytest.mark.parametrize("structure", [WATER, SALT], ids=["water", "salt"])
def test_files(structure: Structure, tmp_path: Path) -> None:
    """A file has numbers and texts alone, which numpy reads without pickles."""
    found = surface_map(structure, 1.6, 1.63)
    found.write(tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz", allow_pickle=False) as file:
        arrays = dict(file)
    for name in ("vertices", "faces"):
        np.testing.assert_array_equal(arrays[name], getattr(found.mesh, name))
    np.testing.assert_array_equal(arrays["values"], found.map.values)
    np.testing.assert_array_equal(arrays["extrapolating"], found.map.extrapolating)
    assert (arrays["heads"].tolist(), arrays["elements"].tolist()) == (["energy", "energy"], ["H", "O"])
    assert arrays["units"].tolist() == ["eV", "eV"]
    assert (str(arrays["surface"]), str(arrays["model"]), int(arrays["version"])) == ("distance:1.6", "e", 2)
    assert np.isnan(arrays["cell"]).any() is not structure.pbc.any()


@pytest.mark.parametrize("structure", [WATER, SALT], ids=["water", "salt"])
@pytest.mark.parametrize("suffix", [".npz", ".NPZ"])
def test_files_of_surfaces_are_files_of_maps(structure: Structure, suffix: str, tmp_path: Path) -> None:
    """What a surface was written to is read back as the map of its vertices."""
    found = surface_map(structure, 1.6, 1.63)
    found.write(tmp_path / f"out{suffix}")
    back = ProbeMap.load(tmp_path / f"out{suffix}")
    np.testing.assert_array_equal(back.points(), found.mesh.vertices)
    np.testing.assert_array_equal(back.values, found.map.values)
    assert (back.fields, back.model, str(back)) == (found.map.fields, found.map.model, str(found.map))


def test_other_files(tmp_path: Path) -> None:
    """A suffix that names no format of surfaces is refused."""
    with pytest.raises(InputError, match=r"`path` must end in \.npz, got 'out\.vtk'"):
        surface_map(WATER, 1.6).write(tmp_path / "out.vtk")


def test_a_map_of_other_points() -> None:
    """There is a value for each vertex, or no map."""
    one, other = surface_map(WATER, 1.6), surface_map(WATER, 2.0)
    with pytest.raises(InputError, match="`map` must be of values"):
        replace(one, map=other.map)


def test_in_a_console() -> None:
    """A surface says in a line what it is, and has no array in it."""
    found = surface_map(WATER, 1.6)
    assert repr(found) == (
        f"<SurfaceMap dir/water.xyz@0: H and O of energy at {len(found.mesh)} points on distance:1.6 by e@2>"
    )


def test_notebooks() -> None:
    """A surface shows itself in a frame."""
    assert surface_map(WATER, 2.0)._repr_html_().startswith("<iframe")
