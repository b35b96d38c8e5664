"""Statistics: how two groups of numbers compare, how two quantities rank, what a distribution is like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import nan

import numpy as np
import numpy.typing as npt
from scipy import stats

from atomlens.client.structure import Floats

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True)
class Summary:
    """A distribution in a few numbers, in the unit of its values; those of no values are NaN."""

    count: int
    mean: float
    deviation: float  # of the values themselves, divided by their count
    minimum: float
    quantiles: tuple[float, ...]  # at `QUANTILES`
    maximum: float


def summary(values: npt.ArrayLike) -> Summary:
    """Return the summary of the values of an array of any shape."""
    flat = np.asarray(values, np.float64).ravel()
    if not flat.size:
        return Summary(0, nan, nan, nan, (nan,) * len(QUANTILES), nan)
    quantiles = tuple(np.quantile(flat, QUANTILES).tolist())
    return Summary(
        flat.size, float(flat.mean()), float(flat.std()), float(flat.min()), quantiles, float(flat.max())
    )


def auc(lower: npt.ArrayLike, higher: npt.ArrayLike) -> float:
    """Return P(l < h) + P(l = h) / 2 of a value l of ``lower`` and h of ``higher``; NaN where one is empty.

    It is the area under the curve of a receiver that tells the groups apart: 0.5 for no difference, 1 for all
    of ``higher`` above all of ``lower``.
    """
    wins, pairs = _wins(np.asarray(lower, np.float64), np.asarray(higher, np.float64))
    return wins / pairs if pairs else nan


def auc_within(
    lower: npt.ArrayLike, higher: npt.ArrayLike, lower_bins: npt.ArrayLike, higher_bins: npt.ArrayLike
) -> float:
    """Return `auc` over the pairs whose two values share a bin; NaN where no pair does.

    This is the mean of the bins' areas weighted by their pairs, so that what differs from bin to bin, such as
    the size of molecules, cannot make or hide a difference.

    Args:
        lower: (values,); ``lower_bins`` says which bin each is in.
        higher: (others,); ``higher_bins`` says which bin each is in.
        lower_bins: (values,) integers.
        higher_bins: (others,) integers.
    """
    wins = pairs = 0.0
    for low, high in _by_bin(lower, higher, np.asarray(lower_bins), np.asarray(higher_bins)):
        won, of = _wins(low, high)
        wins, pairs = wins + won, pairs + of
    return wins / pairs if pairs else nan


def spearman(values: npt.ArrayLike, others: npt.ArrayLike) -> float:
    """Return the correlation of the ranks of two quantities, (values,) each; NaN where one does not vary."""
    x, y = np.asarray(values, np.float64), np.asarray(others, np.float64)
    return float(stats.spearmanr(x, y).statistic) if _vary(x, y) else nan


def pearson(values: npt.ArrayLike, others: npt.ArrayLike) -> float:
    """Return the linear correlation of two quantities, (values,) each; NaN where one does not vary."""
    x, y = np.asarray(values, np.float64), np.asarray(others, np.float64)
    return float(stats.pearsonr(x, y).statistic) if _vary(x, y) else nan


def _vary(x: Floats, y: Floats) -> bool:
    return bool(x.size and np.ptp(x) and np.ptp(y))


def _by_bin(
    lower: npt.ArrayLike,
    higher: npt.ArrayLike,
    lower_bins: npt.NDArray[np.generic],
    higher_bins: npt.NDArray[np.generic],
) -> Iterator[tuple[Floats, Floats]]:
    low, high = np.asarray(lower, np.float64), np.asarray(higher, np.float64)
    for one in np.intersect1d(lower_bins, higher_bins):
        yield low[lower_bins == one], high[higher_bins == one]


def _wins(lower: Floats, higher: Floats) -> tuple[float, int]:
    """Return how many pairs the higher wins, ties half (U of Mann and Whitney), and how many there are."""
    if not (lower.size and higher.size):
        return 0.0, 0
    return float(stats.mannwhitneyu(higher, lower, method="asymptotic").statistic), lower.size * higher.size
