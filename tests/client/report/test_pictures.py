"""What the scripts of a page draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from atomlens.client.probe import Grid
from atomlens.client.report import Report, Surface
from atomlens.client.report.pictures import field_scales, pictures, surface_label

from .conftest import CHARGE, WATER, explanation_of, probe_map, surface_map


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("distance:2", "2.0 Å"),
        ("distance:1.65", "1.65 Å"),
        ("inverse-power:2:3.8", "p 2, c 3.8"),
    ],
)
def test_labels(name: str, label: str) -> None:
    """Surfaces are called by their distance, or by power and level."""
    assert surface_label(Surface.parse(name)) == label


def test_one_scale_for_all_places(water: Report) -> None:
    """Every field has one scale on all surfaces; charges are around nothing."""
    scales = field_scales(water)
    assert set(scales) == {"e@2|energy|H", "e@2|energy|O", "q@1|charge|H", "q@1|charge|O"}
    heights = np.concatenate([one.map.values[0] for one in water.surfaces[::2]])
    energy = scales["e@2|energy|H"]
    assert energy.center == pytest.approx(heights.mean())
    share = [(heights < energy.low).mean(), (heights > energy.high).mean()]
    assert max(share) <= 0.01
    assert scales["q@1|charge|H"].center == 0.0
    assert scales["q@1|charge|H"].palette == "charge"


def test_one_reach_for_all_charges(water: Report) -> None:
    """Charges of atoms and of all probes have one scale, that of the field that needs most; no other has."""
    drawn = pictures(water)
    alone = field_scales(water)
    reach = max(alone["q@1|charge|H"].reach, alone["q@1|charge|O"].reach)
    assert alone["q@1|charge|H"].reach != alone["q@1|charge|O"].reach
    assert water.explanation is not None
    assert reach > np.abs(water.explanation.heads["charge"].contributions).max()
    (charge,) = (one for one in drawn["colorings"] if one["key"] == "charge")
    for one in (charge["scale"], drawn["scales"]["q@1|charge|H"], drawn["scales"]["q@1|charge|O"]):
        assert (one["center"], one["reach"]) == (0.0, reach)
    for element in "HO":
        assert drawn["scales"][f"e@2|energy|{element}"]["reach"] == alone[f"e@2|energy|{element}"].reach
    (other,) = (one for one in drawn["colorings"] if one["key"] == "energy_deviation")
    assert other["scale"]["reach"] == 0.75


def test_the_farthest_charge_of_an_atom() -> None:
    """Where it is farther than those of all probes it gives the reach."""
    low = surface_map(WATER, 2.0, model=CHARGE)
    low = replace(low, map=replace(low.map, values=low.map.values / np.float32(100)))
    drawn = pictures(Report(WATER, explanation_of(WATER), (low,)))
    assert drawn["scales"]["q@1|charge|H"]["reach"] == pytest.approx(0.3)


def test_what_extrapolates_has_no_colour(water: Report) -> None:
    """Values near a nucleus do not stretch a scale, however large they are."""
    wild = []
    for one in water.surfaces:
        values = np.where(one.map.extrapolating, 1e6, one.map.values)
        wild.append(replace(one, map=replace(one.map, values=values)))
    assert any(one.map.extrapolating.any() for one in wild)
    assert field_scales(replace(water, surfaces=tuple(wild))) == field_scales(water)


def test_nothing_to_colour() -> None:
    """Where all points extrapolate there is a scale all the same, which nobody sees."""
    report = Report(WATER, surfaces=(surface_map(WATER, 1.6, closest=9.0),))
    scale = field_scales(report)["e@2|energy|O"]
    assert scale.low < scale.high


def test_minima_of_grids() -> None:
    """They are those of the map; lists of points have none."""
    grid = Grid([-2.0, -2.0, -2.0], 0.5 * np.eye(3), (9, 9, 9))
    values = ((grid.points() - [0.5, 0.0, -0.5]) ** 2).sum(axis=1).reshape(1, 9, 9, 9)
    found = replace(probe_map(WATER, grid).select("H"), values=values.astype(np.float32))
    minima = pictures(Report(WATER, maps=(found, probe_map(WATER, grid.points()))))["minima"]
    assert minima == {"map 0|energy|H": [{"position": [0.5, 0.0, -0.5], "value": 0.0}]}
