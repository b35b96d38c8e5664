"""Pages of embeddings."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from atomlens.client import ModelReference
from atomlens.client.embedding.page import page
from atomlens.client.embedding.periodicity import Periodicity

from .conftest import embedding_of, planted_embedding


class Reader(HTMLParser):
    """Collects cells, and whatever a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag."""
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]


def test_a_page_has_everything() -> None:
    """Tests in sentences, the figure, a row for each element, and where it all comes from."""
    embedding = planted_embedding(0, 1.0, 0.2)
    tests = Periodicity.of(embedding, permutations=99)
    text = page(embedding, tests)
    reader = Reader()
    reader.feed(text)
    assert (reader.tags.count("svg"), reader.tags.count("tr")) == (1, 84)
    assert all(f"<p>{sentence}</p>" in text for sentence in tests.sentences())
    assert f"digest {embedding.model.digest}" in text


def test_a_page_needs_no_network() -> None:
    """Whatever it shows is inside it, and it runs nothing."""
    embedding = planted_embedding(0, 1.0, 0.2)
    text = page(embedding, Periodicity.of(embedding, permutations=9))
    reader = Reader()
    reader.feed(text)
    assert all(place.startswith(("#", "data:")) for place in reader.fetched)
    assert "script" not in reader.tags
    assert not re.search(r"url\((?!#)", text)


def test_names_are_no_markup() -> None:
    """A model's name is text."""
    embedding = embedding_of([1, 8], [[1.0], [2.0]])
    named = replace(embedding, model=ModelReference("<b>", 1, "ab", "cpu"))
    assert "<b>" not in page(named, Periodicity.of(named, permutations=9))
