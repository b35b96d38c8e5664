"""Embedding page: an embedding as one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.metadata import version

from atomlens.client import html_page
from atomlens.client.embedding.periodicity import Periodicity
from atomlens.client.embedding.table import HEADER, rows, variance
from atomlens.client.embedding.vectors import Embedding
from atomlens.client.svg import svg

COMPONENTS = (
    "PC: principal components of the centred rows; of each the loading of largest magnitude is positive. "
    "Cosines are those of the rows as they are."
)


def page(embedding: Embedding, periodicity: Periodicity) -> str:
    """Return the whole page: what the tests say, the figure, the table, and where it all comes from."""
    return html_page.page(f"Element embedding of {embedding.model}", _parts(embedding, periodicity))


def _parts(embedding: Embedding, periodicity: Periodicity) -> Iterator[str]:
    yield from map(html_page.paragraph, [variance(embedding), *periodicity.sentences()])
    yield html_page.figure(svg(embedding.to_figure()))
    yield html_page.table(HEADER, (map(escape, row) for row in rows(embedding)))
    yield html_page.paragraph(COMPONENTS, note=True)
    model = embedding.model
    said = f"Model {model}, digest {model.digest}. AtomLens {version('atomlens')}."
    yield html_page.paragraph(said, note=True)
