"""Surfaces and their names."""

from __future__ import annotations

import pytest

from atomlens.client import InputError
from atomlens.client.report import Surface


@pytest.mark.parametrize(
    ("text", "distance", "power"),
    [
        ("distance:2.0", 2.0, 12.0),
        (" distance:1.6 ", 1.6, 12.0),
        ("inverse-power:2:3.8", 3.8**-0.5, 2.0),
        ("inverse-power:6:1", 1.0, 6.0),
    ],
)
def test_parse(text: str, distance: float, power: float) -> None:
    """A level c of the power p is the distance d at which one atom alone has it: d^−p = c."""
    surface = Surface.parse(text)
    assert surface.distance_angstrom == pytest.approx(distance, rel=1e-15)
    assert surface.power == power


@pytest.mark.parametrize(
    "text", ["distance:2", "distance:1.85", "inverse-power:2:3.8", "inverse-power:1:0.5"]
)
def test_text(text: str) -> None:
    """A surface is written as it is read."""
    assert str(Surface.parse(text)) == text
    assert Surface.of(text) == Surface.of(Surface.parse(text))


@pytest.mark.parametrize(
    "text", ["", "distance", "distance:", "distance:a", "distance:1:2", "inverse-power:2", "isovalue:1"]
)
def test_what_is_no_surface(text: str) -> None:
    """Other texts are refused with what a surface reads like."""
    with pytest.raises(InputError) as caught:
        Surface.parse(text)
    assert str(caught.value) == f"`surface` must be distance:D or inverse-power:P:C, got {text!r}"
    assert caught.value.field == "surface"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("distance:0", "a positive distance or level, got 0"),
        ("distance:-1", "a positive distance or level, got -1"),
        ("distance:nan", "a positive distance or level, got nan"),
        ("distance:inf", "a positive distance or level, got inf"),
        ("inverse-power:2:0", "a positive distance or level, got 0"),
        ("inverse-power:2:-1", "a positive distance or level, got 0"),
        ("inverse-power:0:1", "a power from 1 to 100, got 0"),
        ("inverse-power:nan:1", "a power from 1 to 100, got nan"),
        ("inverse-power:101:1", "a power from 1 to 100, got 101"),
    ],
)
def test_what_has_no_points(text: str, message: str) -> None:
    """Powers and levels have to be such that there is a surface around one atom."""
    with pytest.raises(InputError) as caught:
        Surface.parse(text)
    assert str(caught.value) == f"`surface` must be {message}"
