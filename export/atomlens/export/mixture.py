"""Mixture: numbers of one field in two units, betrayed by their ratio to what is expected of them.

The rule: most ratios lie near 1, and nearly all others around one factor between two units, with their
median within 2 % of it and next to nothing elsewhere. One structure is enough where the rest agree to half
a per cent, as total energies do with the sum of their elements'; three where they scatter more. Where the
expectation is poor, as for orbital energies or the formation energies of crystals, ratios lie everywhere,
and the rule says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from atomlens.server.structures import Floats

NEAR = 0.15  # of ln(ratio), about either peak
PRECISE = 0.02  # of ln(median ratio), about the factor
SHARP = 0.005  # scatter of ln(ratio) below which one structure is enough
ENOUGH = 3  # structures, where it scatters more
FEWEST_NEAR = 0.25  # of all structures
ELSEWHERE = 0.1  # most numbers away from both peaks, for each in the smaller one
FEWEST = 20  # structures, and
FEWEST_PER_COLUMN = 3  # for each column that an expectation is fitted with
SAMPLE = 5000  # rows that an expectation is fitted to
STEPS = 30  # of reweighting


@dataclass(frozen=True, slots=True)
class Mixture:
    """Some numbers are in one unit if the others are in another."""

    count: int
    total: int  # structures
    first: int  # structure
    unit: str
    others: str

    def __str__(self) -> str:
        return (
            f"must have one unit: {self.count} of {self.total} structures, structure {self.first} first, "
            f"are in {self.unit} if the others are in {self.others}"
        )


def find_mixture(ratios: Floats, factors: Mapping[str, float]) -> Mixture | None:
    """Return what ratios to an expectation betray, None for nothing.

    Args:
        ratios: number over expectation, (structures,), NaN for no expectation.
        factors: size of each unit that the numbers may be in, the likeliest of them first.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(ratios)
    near = np.abs(logs) < NEAR
    scatter = 1.5 * np.median(np.abs(logs[near])) if near.any() else np.inf
    for others, size in factors.items():
        for unit, other_size in factors.items():
            expected = np.log(size / other_size)
            found = np.abs(logs - expected) < NEAR
            elsewhere = ~near & ~found
            if (
                abs(expected) > 2 * NEAR
                and found.any()
                and near.mean() > FEWEST_NEAR
                and (found.sum() >= ENOUGH or scatter < SHARP)
                and elsewhere.sum() <= ELSEWHERE * found.sum()
                and abs(np.median(logs[found]) - expected) < PRECISE
            ):
                return Mixture(int(found.sum()), len(found), int(found.argmax()), unit, others)
    return None


def fitted_ratios(columns: Floats, values: Floats) -> list[Floats]:
    """Return ratios of ``values`` (structures,) to robust fits with ``columns`` (structures, columns).

    The fits have the smallest absolute deviations over all structures, which follows the majority, and over
    the half with the largest values, which follows the smaller unit where neither has a clear majority.
    There are none for few structures, which any fit goes through.
    """
    rows = np.random.default_rng(0).permutation(len(values))[:SAMPLE]
    if len(rows) < max(FEWEST, FEWEST_PER_COLUMN * columns.shape[1]):
        return []
    large = rows[np.abs(values[rows]) >= np.median(np.abs(values[rows]))]
    with np.errstate(divide="ignore", invalid="ignore"):
        return [
            values / (columns @ _least_deviations(columns[start], values[start])) for start in (rows, large)
        ]


def _least_deviations(columns: Floats, values: Floats) -> Floats:
    """Return c that minimises Σ|columns c − values|, by least squares reweighted with 1/|deviation|."""
    weights = np.ones(len(values))
    smallest = 1e-9 * np.abs(values).max(initial=1e-300)
    for _ in range(STEPS):
        weighted = columns * weights[:, None]
        solution = np.linalg.pinv(weighted.T @ columns, hermitian=True) @ (weighted.T @ values)
        weights = 1 / np.maximum(np.abs(columns @ solution - values), smallest)
    return np.asarray(solution)
