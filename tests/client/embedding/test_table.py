"""Tables of embeddings."""

from __future__ import annotations

from .conftest import embedding_of

ROWS = [[1.0, 0.0], [0.0, 1.0], [2.0, 0.1]]


def test_text() -> None:
    """A line for each element says where it stands, and the title whose embedding it is."""
    title, _, header, *lines, _, variance = str(embedding_of([8, 57, 16], ROWS, [1, 20000, 3])).splitlines()
    assert title == "m@2 (abababababab), 3 elements, 2 features"
    assert " ".join(header.split()) == "element group period training atoms PC1 PC2 nearest by cosine"
    assert [line.split()[:4] for line in lines] == [
        ["O", "16", "2", "1"],
        ["La", "lanthanide", "6", "20,000"],
        ["S", "16", "3", "3"],
    ]
    assert [line.split()[6:] for line in lines] == [["S", "La"], ["S", "O"], ["O", "La"]]
    assert variance == "Variance: PC1 93.7 %, PC2 6.3 % of 2 components."


def test_one_element() -> None:
    """One element has no components and no neighbors, and what is not known is no number."""
    title, _, _, line, _, variance = str(embedding_of([8], ROWS[:1])).splitlines()
    assert title.endswith("1 element, 2 features")
    assert line.split() == ["O", "16", "2", "?", "-", "-", "-"]
    assert variance.startswith("Variance: none")
