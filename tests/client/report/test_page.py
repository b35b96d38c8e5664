"""Pages as texts."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from importlib.metadata import version

from atomlens.client import Structure
from atomlens.client.report import Report, surface_page
from atomlens.client.report.page import framed
from atomlens.client.table import CAVEAT

from .conftest import SALT, WATER, explanation_of, surface_map


class Reader(HTMLParser):
    """Collects what a browser would fetch, what is shown as text, and ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.shown: list[str] = []
        self.ids: list[str] = []
        self._hidden = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag."""
        self._hidden = tag in ("script", "style")
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href")]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        """What comes next is shown."""
        self._hidden = False

    def handle_data(self, data: str) -> None:
        """Note what is shown."""
        if not self._hidden:
            self.shown.append(data)

    @property
    def text(self) -> str:
        """All that is shown."""
        return " ".join(" ".join(self.shown).split())


def test_a_page_tells_everything(water: Report) -> None:
    """Its name, properties, warnings, what is left out, models, version, date and the caveat."""
    text = Reader(water.html()).text
    assert text.startswith("water.xyz@0 · AtomLens water.xyz@0 H2O · 3 atoms")
    assert "dir/" not in text
    for part in (
        "energy 94.0000 eV the sum of the contributions",
        "dipole 0.5000 e·Å vector (0.0000, 0.3000, 0.4000) from the charges about the centre of mass",
        "a < b",
        "left out",
        f"e 2 cpu {'ab' * 32}",
        f"q 1 cpu {'cd' * 32}",
        "AtomLens 9.9, 2026-01-02.",
        CAVEAT,
        "Ω(r) is what the model would give an atom",
    ):
        assert part in text, part


def test_a_page_fetches_nothing(water: Report) -> None:
    """Nothing in it names another place, and a policy forbids it to any script."""
    page = water.html()
    assert Reader(page).fetched == []
    policy = re.search('Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none';")
    assert "http" not in policy[1]
    assert "@import" not in page
    assert "url(" not in page


def test_a_page_is_small(water: Report) -> None:
    """Far below 8 MB, Plotly included."""
    assert len(water.html().encode()) < 3_000_000


def test_the_version_is_the_installed_one() -> None:
    """And the date is today's, unless told otherwise."""
    report = Report(WATER)
    assert report.version == version("atomlens")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", report.date)


def test_what_there_is_not_has_no_place(water: Report) -> None:
    """Without an explanation there is no panel of atoms and no table, without surfaces no space."""
    both = Reader(water.html()).ids
    assert {"atoms", "space", "atom-table", "coloring", "probe", "property", "place"} <= set(both)
    assert len(set(both)) == len(both)
    only_atoms = Reader(Report(WATER, explanation_of(WATER)).html())
    assert "space" not in only_atoms.ids
    assert "Ω" not in only_atoms.text
    only_space = Reader(surface_page(surface_map(WATER, 2.0))).ids
    assert "atoms" not in only_space
    assert "atom-table" not in only_space


def test_names_are_no_markup() -> None:
    """What a structure is called is text."""
    report = Report(Structure(WATER.numbers, WATER.positions, id="<i>x&"))
    page = report.html()
    assert "<i>" not in page
    assert "<title>&lt;i&gt;x&amp; · AtomLens</title>" in page


def test_crystals_say_what_repeats() -> None:
    """As the table in text does."""
    assert "ClNa · 2 atoms · periodic" in Reader(Report(SALT).html()).text


def test_notebooks() -> None:
    """In a notebook the page stands in a frame of its own, whole."""
    report = Report(WATER, date="2026-01-02")
    found = re.fullmatch(
        '<iframe srcdoc="([^"]*)" style="[^"]*" title="[^"]*"></iframe>', report._repr_html_()
    )
    assert found is not None
    assert html.unescape(found[1]) == report.html()
    assert framed("<p>&amp;</p>").startswith('<iframe srcdoc="&lt;p&gt;&amp;amp;&lt;/p&gt;"')
