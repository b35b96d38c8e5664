"""`atomlens.client.html_page`."""

from __future__ import annotations

from atomlens.client.html_page import SCROLLS, figure, page, paragraph, table


def test_a_page_has_its_title_and_its_parts() -> None:
    """Titles are text, parts are HTML already."""
    whole = page("a < b", ["<h2>one</h2>", paragraph("1 < 2")])
    assert whole.startswith("<!doctype html>")
    assert "<title>a &lt; b</title>" in whole
    assert "<h1>a &lt; b</h1><h2>one</h2><p>1 &lt; 2</p>" in whole


def test_a_note_is_told_apart() -> None:
    """By its class."""
    assert paragraph("fine print", note=True) == "<p class='note'>fine print</p>"


def test_long_tables_scroll() -> None:
    """Short ones stand in the page; cells are HTML already, names of columns are text."""
    short = table(("a<", "b"), [("<b>1</b>", "2")])
    assert short.startswith("<table>")
    assert "<th>a&lt;</th><th>b</th>" in short
    assert "<td><b>1</b></td><td>2</td>" in short
    assert table(("a",), [("1",)] * SCROLLS).startswith("<table>")
    assert table(("a",), [("1",)] * (SCROLLS + 1)).startswith("<div class='scroll'>")
    assert table(("a",), [("1",)] * (SCROLLS + 1), scrolls=False).startswith("<table>")


def test_a_figure_may_have_a_caption() -> None:
    """Above what it says."""
    assert figure("<svg></svg>") == "<figure><svg></svg></figure>"
    assert figure("<svg></svg>", "a & b") == (
        "<figure><figcaption>a &amp; b</figcaption><svg></svg></figure>"
    )
