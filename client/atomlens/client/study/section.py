"""Section: a part of a study as a reader gets it: sentences, tables, figures, and the numbers behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from atomlens.client.study.expectations import Expectation

WORDS = {True: "holds", False: "does not hold", None: "not measured"}


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table of texts."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def lines(self) -> list[str]:
        """Return the table in text, a line each row."""
        rows = [self.header, *self.rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]


@dataclass(frozen=True, slots=True)
class Drawing:
    """One or more `<svg>` elements with what they show."""

    svg: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One analysis."""

    key: str  # of its numbers in the JSON document
    title: str
    sentences: tuple[str, ...]
    tables: tuple[TextTable, ...]
    drawings: tuple[Drawing, ...]
    numbers: Any  # as JSON has them


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An analysis that could not be made, or structures that it had to do without."""

    analysis: str
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether what is expected holds for a model on the structures of a file."""

    model: str
    source: str
    row: Expectation


@dataclass(frozen=True, slots=True)
class Findings:
    """What one analysis gave."""

    sections: tuple[Section, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
