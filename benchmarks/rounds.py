"""Rounds: contenders in turn, over and over, so that what disturbs the machine disturbs them all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.process import ContenderError

Measure = Callable[[float], float]  # seconds → what is done in a second


@dataclass(slots=True)
class Row:
    """One contender: what it is, how it is asked, and what it did in each round."""

    key: str
    name: str
    how: str
    measure: Measure
    rates: list[float] = field(default_factory=list)  # a second, of each round
    reason: str = ""  # why there are none

    @property
    def best(self) -> float:
        """The rate of its best round."""
        return max(self.rates, default=float("nan"))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        rates = [round(rate, 3) for rate in self.rates]
        best = round(self.best, 3) if rates else None
        told = {"name": self.name, "how": self.how, "per_second": best, "rounds": rates}
        return told | ({"reason": self.reason} if self.reason else {})


def run_rounds(rows: Sequence[Row], seconds: float, repeats: int) -> None:
    """Measure each row once a round; one that fails is told of and left out from then on."""
    for turn in range(repeats):
        for row in rows:
            if row.reason:
                continue
            try:
                row.rates.append(row.measure(seconds))
            except ContenderError as error:
                row.reason = str(error)
            say(f"  {turn + 1}/{repeats} {row.name} ({row.how}): {_shown(row)}")


def best_variant(
    variants: Sequence[Mapping[str, Any]], measure: Callable[[Mapping[str, Any]], float]
) -> Mapping[str, Any]:
    """Return the variant of a contender that is fastest, of which each is tried once."""
    return max(variants, key=measure)


def rate(answer: Mapping[str, float]) -> float:
    """Return structures or points a second of what a contender answered."""
    return answer["structures"] / answer["seconds"]


def say(text: str) -> None:
    """Tell whoever waits how far it is."""
    print(text, file=sys.stderr, flush=True)


def _shown(row: Row) -> str:
    return row.reason or f"{row.rates[-1]:,.0f} /s"
