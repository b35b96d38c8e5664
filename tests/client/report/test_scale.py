"""Scales of colours."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.client.report.scale import MEANINGS, PALETTES, Scale


def brightness(color: str) -> float:
    """Return how bright a colour looks, from 0 to 1."""
    red, green, blue = (int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("name", PALETTES)
def test_palettes_diverge(name: str) -> None:
    """From the middle, which is a light grey, colours darken to both ends; every palette is explained."""
    palette = PALETTES[name]
    middle = len(palette) // 2
    shades = [brightness(color) for color in palette]
    assert palette[middle][1:3] == palette[middle][3:5] == palette[middle][5:]
    assert shades[: middle + 1] == sorted(shades[: middle + 1])
    assert shades[middle:] == sorted(shades[middle:], reverse=True)
    assert name in MEANINGS


def test_negative_charges_are_red() -> None:
    """The first colour of charges has most red, the last most blue."""
    first, last = PALETTES["charge"][0], PALETTES["charge"][-1]
    assert int(first[1:3], 16) > 2 * int(first[5:7], 16)
    assert int(last[5:7], 16) > 2 * int(last[1:3], 16)


def test_around_the_mean() -> None:
    """Without a centre it is the mean, and both ends are as far as the farthest value; NaN is no value."""
    scale = Scale.around("energy", "eV", [1.0, 2.0, np.nan, 6.0], "the mean")
    assert (scale.low, scale.center, scale.high) == (0.0, 3.0, 6.0)


def test_around_a_centre() -> None:
    """A centre that is given stays in the middle, wherever the values are."""
    scale = Scale.around("charge", "e", [0.1, 0.4], "nothing", 0.0)
    assert (scale.low, scale.center, scale.high) == (-0.4, 0.0, 0.4)


def test_beyond_the_ends() -> None:
    """A share of the values may lie beyond each end: an outlier does not take the colours of all others."""
    values = np.append(np.linspace(-1, 1, 999), 1000.0)
    scale = Scale.around("energy", "eV", values, "nothing", 0.0, beyond=0.01)
    assert scale.reach == pytest.approx(0.98, abs=0.01)


@pytest.mark.parametrize("values", [[], [np.nan], [2.0, 2.0]])
def test_no_range(values: list[float]) -> None:
    """Values that are all the same, and none, have a scale that is no error."""
    scale = Scale.around("energy", "eV", values, "the mean")
    assert scale.low < scale.center < scale.high
