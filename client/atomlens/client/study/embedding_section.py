"""Embedding section: how far the embeddings of elements resemble the periodic table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from atomlens.client.embedding import Embedding
from atomlens.client.embedding.figure import figure
from atomlens.client.embedding.periodicity import (
    SIGNIFICANT,
    Periodicity,
    PermutationTest,
    grouping_sentence,
    ordering_sentence,
)
from atomlens.client.study.expectations import Expectation
from atomlens.client.study.section import Drawing, Section, TextTable
from atomlens.client.svg import svg

Tested: TypeAlias = tuple[Embedding, Periodicity]


def embedding_section(pairs: Sequence[Tested]) -> Section:
    """Return the section of all embeddings, each with its map and its permutation tests."""
    sentences = tuple(f"{one.model}: {sentence}" for one, told in pairs for sentence in told.sentences())
    drawings = tuple(Drawing(svg(figure(one))) for one, _ in pairs)
    numbers = [
        {"model": str(one.model), "variance_ratios": one.variance_ratios.tolist(), **told.to_dict()}
        for one, told in pairs
    ]
    return Section("embeddings", "Embeddings of the elements", sentences, (_table(pairs),), drawings, numbers)


def embedding_expectations(told: Periodicity) -> list[Expectation]:
    """Return the rows about the order of elements."""
    alike, ordered = grouping_sentence(told.grouping), ordering_sentence(told.ordering)
    return [
        _row("elements of one group are alike", told.grouping, alike),
        _row("one direction orders the members of all groups by their periods", told.ordering, ordered),
    ]


def _row(expectation: str, test: PermutationTest | None, sentence: str) -> Expectation:
    numbers = {} if test is None else {"statistic": test.statistic, "p": test.p_value}
    holds = None if test is None else test.significant
    rule = f"p < {SIGNIFICANT} by shuffles of the labels"
    return Expectation(f"embedding: {expectation}", rule, sentence, holds, numbers)


def _table(pairs: Sequence[Tested]) -> TextTable:
    header = ("model", "elements", "variance of two components", "groups cluster, p", "periods order, p")
    rows = (
        (
            str(one.model),
            str(len(one)),
            f"{one.variance_ratios[:2].sum():.0%}",
            *("-" if test is None else f"{test.p_value:.2g}" for test in (told.grouping, told.ordering)),
        )
        for one, told in pairs
    )
    return TextTable(header, tuple(rows))
