"""Permutation tests of the periodic table."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from atomlens.client import Embedding
from atomlens.client.embedding.periodicity import Periodicity, PermutationTest

from .conftest import embedding_of, planted_embedding

Array = npt.NDArray[np.float64]


def both(
    embedding: Embedding, permutations: int = 999, seed: int = 0
) -> tuple[PermutationTest, PermutationTest]:
    """Return both tests of an embedding that has enough elements."""
    found = Periodicity.of(embedding, permutations=permutations, seed=seed)
    assert found.grouping is not None
    assert found.ordering is not None
    return found.grouping, found.ordering


def test_planted_order_is_found() -> None:
    """Rows made of group and period give the smallest p there can be, in both tests."""
    grouping, ordering = both(planted_embedding(0, group=1.0, period=0.2))
    assert (grouping.p_value, ordering.p_value) == (0.001, 0.001)
    assert grouping.statistic > 0.5
    assert ordering.statistic > 0.95
    assert ordering.null_mean == pytest.approx(0.5, abs=0.02)
    assert grouping.null_mean == pytest.approx(0.0, abs=0.01)


def test_each_test_has_its_own_question() -> None:
    """Groups without periods are grouping alone, periods without groups ordering alone."""
    grouping, ordering = both(planted_embedding(0, group=1.0, period=0.0))
    assert grouping.significant
    assert not ordering.significant
    grouping, ordering = both(planted_embedding(0, group=0.0, period=0.2, noise=1.0))
    assert ordering.significant
    assert not grouping.significant


def test_random_rows_have_no_order() -> None:
    """The p values of random rows are spread evenly between 0 and 1."""
    values = np.array(
        [
            [test.p_value for test in both(planted_embedding(seed, 0.0, 0.0), permutations=99)]
            for seed in range(40)
        ]
    )
    for found in values.T:
        assert found.mean() == pytest.approx(0.5, abs=0.15)
        assert (found <= 0.1).mean() < 0.25
        assert (found > 0.8).any()


def test_statistics_are_what_they_say() -> None:
    """Both agree with loops over all pairs of elements."""
    embedding = planted_embedding(1, group=0.3, period=0.01)
    grouping, ordering = both(embedding, permutations=1)
    tested = [k for k in range(83) if embedding.groups[k] and embedding.numbers[k] not in (2, 10, 18)]
    within, between, right = [], [], []
    for place, i in enumerate(tested):
        for j in tested[:place]:
            if embedding.groups[i] != embedding.groups[j]:
                between.append(embedding.cosines[i, j])
                continue
            within.append(embedding.cosines[i, j])
            direction = growth(embedding, [k for k in tested if embedding.groups[k] != embedding.groups[i]])
            along = (units(embedding)[i] - units(embedding)[j]) @ direction
            right.append(along * (embedding.periods[i] - embedding.periods[j]) > 0)
    assert grouping.statistic == pytest.approx(np.mean(within) - np.mean(between))
    assert ordering.statistic == pytest.approx(np.mean(right))
    assert 0.5 < ordering.statistic < 1.0


def growth(embedding: Embedding, places: list[int]) -> Array:
    """Return the direction in which periods grow within the groups of these elements."""
    direction = np.zeros(embedding.rows.shape[1])
    for group in {embedding.groups[k] for k in places}:
        members = [k for k in places if embedding.groups[k] == group]
        periods = embedding.periods[members] - embedding.periods[members].mean()
        rows = units(embedding)[members]
        direction += periods @ (rows - rows.mean(axis=0))
    return direction


def units(embedding: Embedding) -> Array:
    """Return the rows at length 1."""
    return np.asarray(embedding.rows / np.sqrt((embedding.rows**2).sum(axis=1))[:, None])


def test_results_follow_from_the_seed() -> None:
    """The same seed gives the same p, another one another null."""
    embedding = planted_embedding(0, 0.0, 0.0)
    assert Periodicity.of(embedding) == Periodicity.of(embedding)
    assert both(embedding)[0].null_mean != both(embedding, seed=1)[0].null_mean


def test_lengths_do_not_make_groups() -> None:
    """Longer rows of some groups or periods change neither test."""
    embedding = planted_embedding(2, 0.0, 0.0)
    longer = embedding.rows * (1 + embedding.groups * embedding.periods)[:, None]
    assert embedding.training_atoms is not None
    stretched = embedding_of(embedding.numbers.tolist(), longer, embedding.training_atoms.tolist())
    for found, expected in zip(both(stretched), both(embedding), strict=True):
        assert found.statistic == pytest.approx(expected.statistic)


def test_rare_elements_are_left_out_and_named() -> None:
    """What training hardly saw is in no test, nor are elements without a group or alone in theirs."""
    embedding = planted_embedding(0, 1.0, 0.2)
    found = Periodicity.of(embedding, permutations=9)
    assert found.left_out == ("He", "Ne", "Ar")
    assert "Left out of the tests, with fewer than 100 atoms in training: He, Ne, Ar." in found.sentences()
    assert found.grouping is not None
    assert (found.grouping.elements, found.grouping.groups) == (66, 18)
    all_of_them = Periodicity.of(embedding, permutations=9, min_atoms=1)
    assert all_of_them.left_out == ()
    assert all_of_them.grouping is not None
    assert all_of_them.grouping.elements == 69


def test_unknown_counts_leave_nothing_out() -> None:
    """Where the card does not count, that is said."""
    found = Periodicity.of(replace(planted_embedding(0, 1.0, 0.2), training_atoms=None), permutations=9)
    assert found.left_out == ()
    assert "does not say how often" in found.sentences()[-1]


@pytest.mark.parametrize(
    "numbers",
    [(8,), (1, 8), (1, 6, 7, 8), (1, 6, 7, 8, 9, 15, 16, 17), (3, 11, 19, 37, 55), tuple(range(57, 71))],
    ids=["one", "two", "QM9", "organic", "one group", "no group"],
)
def test_too_few_elements(numbers: tuple[int, ...]) -> None:
    """Where the labels can be shuffled in few ways only, there is no p at all, and the sentences say so."""
    rows = np.random.default_rng(0).normal(size=(len(numbers), 8))
    found = Periodicity.of(embedding_of(numbers, rows, [1000] * len(numbers)))
    assert (found.grouping, found.ordering) == (None, None)
    assert all("too few elements" in sentence for sentence in found.sentences())


def test_equal_rows_have_no_order() -> None:
    """Where no element differs from another, every shuffle does as well, and p is 1."""
    numbers = [number for number in range(1, 84) if not 56 < number < 71]
    grouping, ordering = both(embedding_of(numbers, np.ones((len(numbers), 4))), permutations=99)
    assert (grouping.p_value, ordering.p_value) == (1.0, 1.0)
    assert grouping.statistic == pytest.approx(0.0)
    assert ordering.statistic == 0.5


def test_words_and_json() -> None:
    """Sentences give verdict, statistic, null and p; a document has them all."""
    found = Periodicity.of(planted_embedding(0, 1.0, 0.2), permutations=999)
    grouping, ordering, _ = found.sentences()
    assert grouping.startswith("Grouping: groups cluster. ")
    assert "(p = 0.001, 999 shuffles, 66 elements in 18 groups)" in grouping
    assert ordering.startswith("Ordering: periods order groups. ")
    nothing = Periodicity.of(planted_embedding(5, 0.0, 0.0), permutations=999).sentences()
    assert nothing[0].startswith("Grouping: no evidence that groups cluster. ")
    assert nothing[1].startswith("Ordering: no evidence that periods order groups. ")
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert document["ordering"]["p_value"] == 0.001
    assert document["sentences"] == found.sentences()
