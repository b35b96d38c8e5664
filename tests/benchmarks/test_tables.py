"""Tables and figures."""

from __future__ import annotations

import pytest

from benchmarks.tables import figure, over, percent, table


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345.6, "12,346"),
        (123.4, "123"),
        (12.34, "12.3"),
        (0.01234, "0.0123"),
        (0.0, "0"),
        (1.234e-6, "1.23e-06"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_figures(value: float | None, text: str) -> None:
    """Numbers have three digits that matter, large ones all that are left of the point."""
    assert figure(value) == text


def test_table() -> None:
    """Columns of figures are aligned to the right, columns of words are not, and bars do not break cells."""
    lines = table(["what", "rate"], [["a|b", "1,000"], ["2 cores", "–"]])
    assert lines == ["| what | rate |", "| --- | ---: |", "| a∣b | 1,000 |", "| 2 cores | – |"]


def test_shares_and_ratios() -> None:
    """A ratio with a side that is missing is none."""
    assert percent(0.256) == "25.6 %"
    assert over(3.0, 2.0) == "1.5"
    assert over(None, 2.0) == over(1.0, None) == "–"
