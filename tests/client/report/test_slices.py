"""Slices of maps for notebooks."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from atomlens.client import Structure
from atomlens.client.probe import Grid, ProbeField
from atomlens.client.report.slices import MOST_FIELDS, figure, slices_html

from .conftest import WATER, probe_map

GRID = Grid([-3.0, -3.2, -3.1], np.diag([0.5, 0.55, 0.6]), (13, 12, 11))
SKEWED = Grid([0.0] * 3, [[0.5, 0.0, 0.0], [0.2, 0.5, 0.0], [0.0, 0.3, 0.6]], (8, 7, 6))


def test_planes() -> None:
    """Three planes through the middle of the atoms, of every field, with the values of the grid."""
    found = probe_map(WATER, GRID)
    drawn = figure(found)
    panels = [axes for axes in drawn.axes if axes.get_title()]
    assert [axes.get_title() for axes in panels[:3]] == [
        "Ω of H, energy, z = -0.10 Å",
        "Ω of H, energy, y = 0.10 Å",
        "Ω of H, energy, x = 0.00 Å",
    ]
    image: Any = panels[3].collections[0]
    np.testing.assert_array_equal(image.get_array().ravel(), found.values[1, :, :, 5].ravel())
    atoms: Any = panels[2].lines[0].get_xydata()
    assert len(atoms) == 3


def test_what_extrapolates_has_no_colour() -> None:
    """Such points are masked, and the range leaves them out."""
    found = probe_map(WATER, GRID, closest=1.5)
    image: Any = figure(found).axes[3].collections[0]
    np.testing.assert_array_equal(
        np.ma.getmaskarray(image.get_array()).ravel(), found.extrapolating[1, :, :, 5].ravel()
    )
    lows = [float(np.quantile(found.values[1][~found.extrapolating[1]], share)) for share in (0.0, 0.02)]
    assert lows[0] <= image.get_clim()[0] <= lows[1]


def test_skewed_grids() -> None:
    """A plane is drawn in its true angles."""
    structure = Structure([6], [[1.5, 1.2, 1.4]])
    image: Any = figure(probe_map(structure, SKEWED)).axes[0].collections[0]
    corners = image.get_coordinates()
    a, b = corners[1, 0] - corners[0, 0], corners[0, 1] - corners[0, 0]
    cosine = SKEWED.axes[0] @ SKEWED.axes[1] / np.prod(np.linalg.norm(SKEWED.axes[:2], axis=1))
    assert a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) == pytest.approx(cosine)


def test_many_fields() -> None:
    """Only the first are drawn; the text has all."""
    one = probe_map(WATER, GRID).select("H")
    fields = tuple(ProbeField(f"head{place}", "H", "eV") for place in range(6))
    found = replace(one, fields=fields, values=np.repeat(one.values, 6, axis=0))
    assert len([axes for axes in figure(found).axes if axes.get_title()]) == 3 * MOST_FIELDS
    assert "head5" in slices_html(found)


def test_notebooks() -> None:
    """A map shows an image and its summary as text; a list of points the summary alone."""
    found = probe_map(WATER, GRID)
    html = found._repr_html_()
    assert html is not None
    image = re.search('src="data:image/png;base64,([^"]*)"', html)
    assert image is not None
    assert base64.b64decode(image[1]).startswith(b"\x89PNG")
    assert len(io.BytesIO(base64.b64decode(image[1])).read()) < 300_000
    listed = probe_map(WATER, GRID.points())._repr_html_()
    assert listed is not None
    assert "<img" not in listed
    assert "dir/water.xyz@0" in listed
