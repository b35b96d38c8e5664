"""`atomlens.client.svg`."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from matplotlib import rcParams
from matplotlib.figure import Figure

from atomlens.client.svg import svg


def drawn() -> Figure:
    """Return a figure with a line and a word."""
    figure = Figure()
    axes = figure.subplots()
    axes.plot([0.0, 1.0], [1.0, 0.0])
    axes.set_title("benzene")
    return figure


def test_a_figure_is_one_element_with_its_words_as_text() -> None:
    """Well-formed, so that it can stand in a page and be searched."""
    element = ElementTree.fromstring(svg(drawn()))
    assert element.tag.endswith("svg")
    assert "benzene" in "".join(element.itertext())


def test_the_same_figure_is_the_same_text() -> None:
    """Neither time nor chance is in it, and settings of matplotlib are left as they were."""
    before = dict(rcParams)
    assert svg(drawn()) == svg(drawn())
    assert dict(rcParams) == before
