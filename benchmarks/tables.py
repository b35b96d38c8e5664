"""Tables: rows as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isnan

FIGURE = re.compile(r"–|[-+]?[\d.,]+(e[-+]\d+)?( %| eV)?")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table; all columns but the first that hold figures are aligned to the right."""
    figures = [all(_is_figure(row[column]) for row in rows) for column in range(len(header))]
    rule = ["---:" if right else "---" for right in figures]
    return [_line(header), _line(rule), *(_line(row) for row in rows)]


def figure(value: float | None, digits: int = 3) -> str:
    """Return a number with so many significant digits and no exponent, a dash for none."""
    if value is None or isnan(value):
        return "–"
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    text = f"{value:.{digits}g}"
    return f"{value:.2e}" if "e" in text else text


def percent(share: float) -> str:
    """Return a share of one in percent."""
    return f"{100 * share:.1f} %"


def over(first: float | None, second: float | None) -> str:
    """Return a ratio, a dash where one side is missing."""
    return figure(first / second) if first and second else "–"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '∣') for cell in cells)} |"


def _is_figure(cell: str) -> bool:
    return FIGURE.fullmatch(cell) is not None
