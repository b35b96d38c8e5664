"""Contenders in turn."""

from __future__ import annotations

import pytest

from benchmarks.process import ContenderError
from benchmarks.rounds import Row, best_variant, rate, run_rounds


def test_contenders_take_turns() -> None:
    """Each is measured once a round, and the best round counts."""
    order: list[str] = []

    def measure(name: str, rates: list[float]) -> Row:
        return Row(name, name, "", lambda seconds: order.append(f"{name} {seconds:g}") or rates.pop(0))  # type: ignore[func-returns-value]

    rows = [measure("a", [1.0, 3.0]), measure("b", [5.0, 4.0])]
    run_rounds(rows, 0.5, 2)
    assert order == ["a 0.5", "b 0.5", "a 0.5", "b 0.5"]
    assert [row.best for row in rows] == [3.0, 5.0]
    assert rows[0].to_dict() == {"name": "a", "how": "", "per_second": 3.0, "rounds": [1.0, 3.0]}


def test_one_that_fails_keeps_nobody() -> None:
    """A contender that fails is told of with the reason, and the others are measured."""

    def fail(_: float) -> float:
        raise ContenderError("it died")

    rows = [Row("a", "a", "", fail), Row("b", "b", "", lambda _: 2.0)]
    run_rounds(rows, 0.1, 3)
    assert rows[0].to_dict() == {
        "name": "a",
        "how": "",
        "per_second": None,
        "rounds": [],
        "reason": "it died",
    }
    assert rows[1].rates == [2.0] * 3


def test_variants() -> None:
    """The fastest variant is chosen; rates are what was done over the time it took."""
    variants = [{"threads": 1}, {"threads": 2}]
    assert best_variant(variants, lambda one: one["threads"]) == {"threads": 2}
    assert rate({"structures": 30, "seconds": 1.5}) == pytest.approx(20.0)
