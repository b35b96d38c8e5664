"""`atomlens.client.probe.summary`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from atomlens.client.probe import Grid

from .conftest import POINTS, WATER, probe_map


def test_a_grid_in_words() -> None:
    """What was probed, a line for each field, its minima, what extrapolating means and the model."""
    grid = Grid([-3.0, -3.0, -3.0], np.eye(3) * 0.5, (13, 13, 13))
    values = [((grid.points() - [2.0, 0.0, 0.0]) ** 2).sum(axis=1) - 5, grid.points()[:, 0]]
    lines = str(probe_map(grid, values=values)).splitlines()
    assert lines == [
        "water.xyz@0: H and C of energy at 13 × 13 × 13 points",
        "",
        "H of energy: -5.0000 to 38.0000 eV, lowest at (2.00, 0.00, 0.00) Å; 29 of 2,197 points extrapolate",
        "    minima: -5.0000 eV at (2.00, 0.00, 0.00) Å",
        "C of energy: -3.0000 to 3.0000 eV, lowest at (-3.00, -3.00, -3.00) Å; "
        "29 of 2,197 points extrapolate",
        "    minima: none inside the grid",
        "",
        "A point extrapolates where it is nearer to a nucleus than that pair of elements came in training. "
        "Such points are left out of ranges and minima.",
        "model: m@2 (abababababab)",
    ]


def test_a_list_in_words() -> None:
    """A list of points has no minima, and where nothing extrapolates nothing is said of it."""
    found = probe_map(POINTS, elements="H", values=[1.0, 2.0, 3.0, -4.0], closest=0.0)
    assert str(found).splitlines() == [
        "water.xyz@0: H of energy at 4 points",
        "",
        "H of energy: -4.0000 to 3.0000 eV, lowest at (3.00, -3.00, 0.00) Å",
        "",
        "model: m@2 (abababababab)",
    ]
    assert repr(found) == "<ProbeMap water.xyz@0: H of energy at 4 points by m@2>"


def test_where_nothing_can_be_trusted() -> None:
    """A field whose points all extrapolate has no range."""
    found = probe_map(
        POINTS[:1], replace(WATER, id=""), elements="H", heads=("energy", "charge"), closest=9.0
    )
    assert str(found).splitlines()[:4] == [
        "H2O: H of energy, charge at 1 point",
        "",
        "H of energy: no value that can be trusted; 1 of 1 points extrapolate",
        "H of charge: no value that can be trusted; 1 of 1 points extrapolate",
    ]
