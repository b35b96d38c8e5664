"""Statistics against numpy and against loops over all pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from atomlens.client.study.statistics import QUANTILES, auc, auc_within, pearson, spearman, summary

TIED = np.random.default_rng(1).integers(0, 12, 60).astype(np.float64)
SMOOTH = np.random.default_rng(2).normal(size=60) + 0.3 * TIED


def naive_ranks(values: np.ndarray) -> np.ndarray:
    """Return how many values are smaller, and half of those that are equal."""
    below: np.ndarray = (values[:, None] > values).sum(1) + (values[:, None] == values).sum(1) / 2
    return below


def test_correlations() -> None:
    """Correlations are numpy's, those of ranks with ties too."""
    assert pearson(TIED, SMOOTH) == pytest.approx(np.corrcoef(TIED, SMOOTH)[0, 1], abs=1e-14)
    by_rank = np.corrcoef(naive_ranks(TIED), naive_ranks(SMOOTH))[0, 1]
    assert spearman(TIED, SMOOTH) == pytest.approx(by_rank, abs=1e-14)


@pytest.mark.parametrize("values", [np.zeros(0), np.ones(1), np.ones(60)], ids=["none", "one", "constant"])
def test_nothing_to_correlate(values: np.ndarray) -> None:
    """What does not vary correlates with nothing: NaN, without a warning."""
    assert math.isnan(pearson(values, SMOOTH[: len(values)]))
    assert math.isnan(spearman(SMOOTH[: len(values)], values))


def test_perfect_correlation_is_one() -> None:
    """Rounding never takes a correlation beyond one."""
    values = np.random.default_rng(3).normal(size=1000)
    assert pearson(values, 3 * values) <= 1.0
    assert pearson(values, -values) >= -1.0


def naive_auc(lower: np.ndarray, higher: np.ndarray) -> float:
    """Return the share of pairs that the higher wins, one pair after the other."""
    wins = sum(1.0 if low < high else 0.5 if low == high else 0.0 for low in lower for high in higher)
    return wins / (len(lower) * len(higher))


@pytest.mark.parametrize("values", [TIED, SMOOTH], ids=["tied", "smooth"])
def test_auc(values: np.ndarray) -> None:
    """The area is the share of pairs in order, ties half, and turns round with the groups."""
    lower, higher = values[:20], values[20:]
    assert auc(lower, higher) == pytest.approx(naive_auc(lower, higher), abs=1e-14)
    assert auc(higher, lower) == pytest.approx(1 - auc(lower, higher), abs=1e-14)


def test_auc_of_nothing() -> None:
    """There is no area without two groups."""
    assert math.isnan(auc([], [1.0]))
    assert math.isnan(auc([1.0], []))
    assert math.isnan(auc_within([1.0], [2.0], [3], [4]))


def test_auc_within() -> None:
    """Pairs from different bins do not count: a difference that the bins make is gone."""
    random = np.random.default_rng(4)
    lower_bins, higher_bins = random.integers(0, 4, 30), random.integers(1, 6, 40)
    lower, higher = random.normal(size=30).round(1), random.normal(size=40).round(1)
    pairs = [
        (low, high)
        for low, a in zip(lower, lower_bins, strict=True)
        for high, b in zip(higher, higher_bins, strict=True)
        if a == b
    ]
    expected = sum((low < high) + 0.5 * (low == high) for low, high in pairs) / len(pairs)
    assert auc_within(lower, higher, lower_bins, higher_bins) == pytest.approx(expected, abs=1e-14)
    assert auc([1.0, 1.0, 2.0], [1.0, 2.0, 2.0]) > 0.5
    assert auc_within([1.0, 1.0, 2.0], [1.0, 2.0, 2.0], [1, 1, 2], [1, 2, 2]) == 0.5


def test_summary() -> None:
    """A summary is what numpy says of the values; of none it is NaN with a count of zero."""
    found = summary(SMOOTH.reshape(6, 10))
    assert (found.count, found.mean, found.deviation) == (60, SMOOTH.mean(), SMOOTH.std())
    assert (found.minimum, found.maximum) == (SMOOTH.min(), SMOOTH.max())
    assert found.quantiles == tuple(np.quantile(SMOOTH, QUANTILES))
    assert found.quantiles[2] == np.median(SMOOTH)
    empty = summary([])
    assert empty.count == 0
    assert math.isnan(empty.mean)
    assert all(map(math.isnan, empty.quantiles))
