"""Answers: what one head of a model says of every structure of a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from atomlens.client.card import Card
from atomlens.client.client import Client
from atomlens.client.explanation import Explanation, Outcome
from atomlens.client.failure import Failure
from atomlens.client.head import Head
from atomlens.client.structure import Floats
from atomlens.client.study.sample import Bools, Sample

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Properties and contributions, NaN where a structure could not be explained."""

    card: Card
    head: str
    aggregation: str
    unit: str  # of contributions
    property_unit: str
    sample: Sample
    properties: Floats  # (structures,)
    contributions: Floats  # (atoms,) as learned: without offsets, and charges after neutrality
    vectors: Floats | None  # (structures, 3) dipoles

    @property
    def model(self) -> str:
        """MODEL@VERSION."""
        return str(self.card.status)

    @property
    def answered(self) -> Bools:
        """Which structures were explained: (structures,)."""
        return np.isfinite(self.properties)


class Asked(NamedTuple):
    """What came of asking a model about a sample."""

    answers: list[Answers]  # of each head; none if no structure could be explained
    failures: dict[str, int]  # how many structures could not be explained, by what was said of one of them


def ask(client: Client, card: Card, sample: Sample, progress: Progress) -> Asked:
    """Ask a model about every structure of a sample."""
    outcomes: list[Outcome] = []
    for outcome in client.stream(sample.structures, str(card.status)):
        outcomes.append(outcome)
        if len(outcomes) % 200 == 0:
            progress(
                f"{card.status}: {len(outcomes)} of {len(sample.structures)} structures of {sample.source}"
            )
    failures = _failures([outcome for outcome in outcomes if isinstance(outcome, Failure)])
    first = next((outcome for outcome in outcomes if isinstance(outcome, Explanation)), None)
    heads = [] if first is None else list(first.heads.values())
    return Asked([_answers(card, sample, head, outcomes) for head in heads], failures)


def _failures(failed: Sequence[Failure]) -> dict[str, int]:
    """Return how many structures failed for each reason, by the first message that gave it."""
    counts = Counter(one.error.reason for one in failed)
    messages = {one.error.reason: str(one.error) for one in reversed(failed)}
    return {messages[reason]: count for reason, count in counts.most_common()}


def _answers(card: Card, sample: Sample, head: Head, outcomes: list[Outcome]) -> Answers:
    heads = [outcome.heads[head.name] if isinstance(outcome, Explanation) else None for outcome in outcomes]
    learned = [
        np.full(count, np.nan) if one is None else _learned(one)
        for one, count in zip(heads, sample.counts.tolist(), strict=True)
    ]
    vectors = None
    if head.vector is not None:
        vectors = np.array([[np.nan] * 3 if one is None else one.vector for one in heads])  # (structures, 3)
    return Answers(
        card,
        head.name,
        head.aggregation,
        head.unit,
        head.property_unit,
        sample,
        np.array([np.nan if one is None else one.value for one in heads]),
        np.concatenate(learned),
        vectors,
    )


def _learned(head: Head) -> Floats:
    return head.contributions if head.model is None else head.model
