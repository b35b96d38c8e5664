"""Page: a study as one HTML file."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from atomlens.client import html_page
from atomlens.client.study.section import WORDS, Section, Verdict
from atomlens.client.table import CAVEAT

if TYPE_CHECKING:
    from atomlens.client.study.study import Study

SYMBOLS = (
    "ε: energy of an atom as learned, without that of the free atom. q: partial charge. Ω: what a probe atom "
    "would have at a place. AUC: probability that of two atoms, one of each class, the expected one has more."
)
CLASSES = {True: "holds", False: "fails", None: "unknown"}


def page(study: Study) -> str:
    """Return the whole page."""
    models = ", ".join(str(card.status) for card in study.cards)
    return html_page.page(f"AtomLens study of {models}", _parts(study))


def _parts(study: Study) -> Iterator[str]:
    yield html_page.paragraph(CAVEAT, note=True)
    yield html_page.table(("model", "what", "data", "digest"), _models(study))
    if study.verdicts:
        yield "<h2>What must hold</h2>"
        yield html_page.paragraph(SYMBOLS, note=True)
        header = ("what must hold", "model", "on", "measured", "")
        yield html_page.table(header, map(_verdict, study.verdicts), scrolls=False)
    for section in study.sections:
        yield from _section(section)
    if study.left_out:
        yield "<h2>Left out</h2>"
        rows = ((escape(one.analysis), escape(one.why)) for one in study.left_out)
        yield html_page.table(("analysis", "why"), rows)
    yield html_page.paragraph(f"AtomLens {study.version}, {study.date}.", note=True)


def _models(study: Study) -> Iterator[Iterator[str]]:
    for card in study.cards:
        training = card.document.get("training", {})
        texts = (str(card.status), card.description, training.get("data", ""), card.status.digest[:12])
        yield map(escape, texts)


def _verdict(verdict: Verdict) -> tuple[str, ...]:
    """Return the row of an expectation, with its rule and its verdict in a colour of its own."""
    row = verdict.row
    what = f"{escape(row.expectation)}<br><span class='note'>{escape(row.rule)}</span>"
    word = f"<span class='{CLASSES[row.holds]}'>{WORDS[row.holds]}</span>"
    return what, escape(verdict.model), escape(verdict.source), escape(row.measured), word


def _section(section: Section) -> Iterator[str]:
    yield f"<h2>{escape(section.title)}</h2>"
    yield from map(html_page.paragraph, section.sentences)
    for table in section.tables:
        yield html_page.table(table.header, (map(escape, row) for row in table.rows))
    for drawing in section.drawings:
        yield html_page.figure(drawing.svg, drawing.caption)
