"""Periodicity: whether an embedding knows the periodic table, told by permutation tests.

Rows are taken at length 1 in both, because the length of a row tells more of how often its element was
trained than of its chemistry.

Grouping asks whether elements of one group are alike: the mean cosine of pairs within a group less that of
pairs of different groups, against shuffled groups.

Ordering asks whether one direction of the embedding tells periods apart in every group. With X the rows less
the mean of their group and p the periods less theirs, w = Σ Xᵀp over all other groups is the direction in
which periods grow there. The statistic is the share of pairs within a group that stand along w as their
periods do, against periods shuffled within groups. No group has a say in the direction that it is tested on,
groups of two or three count for the pairs that they have, and nothing is chosen as the best of many.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import factorial, prod
from typing import Any

import numpy as np

from atomlens.client.elements import SYMBOLS
from atomlens.client.embedding.vectors import Embedding, Integers
from atomlens.client.structure import Floats

MIN_ATOMS = 100  # in training; a rarer element's row is what it was drawn as or what a few structures made it
PERMUTATIONS = 9999
MIN_ARRANGEMENTS = 1000  # with fewer, chance alone gives the best one too often
SIGNIFICANT = 0.01


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """A statistic beside what it is when labels mean nothing."""

    statistic: float
    null_mean: float
    null_deviation: float
    p_value: float  # (1 + shuffles with at least the statistic) / (1 + shuffles)
    permutations: int
    elements: int
    groups: int

    @property
    def significant(self) -> bool:
        """Whether chance is no good explanation."""
        return self.p_value < SIGNIFICANT


@dataclass(frozen=True, slots=True)
class Periodicity:
    """What both tests say; None where there are too few elements to tell."""

    grouping: PermutationTest | None  # cosine within less cosine between groups; 0 for no order
    ordering: PermutationTest | None  # share of pairs in the order of their periods; 0.5 for no order
    min_atoms: int  # in training, of elements that were tested
    left_out: tuple[str, ...]  # symbols of elements seen less often
    counted: bool  # whether the model tells how often it saw elements

    @classmethod
    def of(
        cls,
        embedding: Embedding,
        *,
        permutations: int = PERMUTATIONS,
        seed: int = 0,
        min_atoms: int = MIN_ATOMS,
    ) -> Periodicity:
        """Return whether groups cluster and periods order them, by shuffles that follow from the seed.

        Lanthanides and actinides have no group and are in neither test.
        """
        atoms = embedding.training_atoms
        seen = np.ones(len(embedding), np.bool_) if atoms is None else atoms >= min_atoms
        tested = np.flatnonzero(seen & (embedding.groups > 0))
        groups = embedding.groups[tested]
        random = np.random.default_rng(seed)
        cosines, rows = embedding.cosines[np.ix_(tested, tested)], _units(embedding.rows[tested])
        grouping = grouping_test(cosines, groups, permutations, random)
        ordering = ordering_test(rows, groups, embedding.periods[tested], permutations, random)
        left_out = tuple(SYMBOLS[number] for number in embedding.numbers[~seen].tolist())
        return cls(grouping, ordering, min_atoms, left_out, atoms is not None)

    def sentences(self) -> list[str]:
        """Return both tests and what they left out in words."""
        return [grouping_sentence(self.grouping), ordering_sentence(self.ordering), *self._notes()]

    def _notes(self) -> list[str]:
        if not self.counted:
            return ["Its card does not say how often elements were in training: none is left out."]
        if not self.left_out:
            return []
        names = ", ".join(self.left_out)
        return [f"Left out of the tests, with fewer than {self.min_atoms} atoms in training: {names}."]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**asdict(self), "left_out": list(self.left_out), "sentences": self.sentences()}


def grouping_test(
    cosines: Floats, groups: Integers, permutations: int, random: np.random.Generator
) -> PermutationTest | None:
    """Return the test of cosines (elements, elements) by groups (elements,), or None for too few elements."""
    sizes = np.unique(groups, return_counts=True)[1]
    if _labellings(sizes) < MIN_ARRANGEMENTS:
        return None
    first, second = np.triu_indices(len(groups), 1)
    same = groups[first] == groups[second]  # (pairs,)
    first, second = first[same], second[same]
    everything = cosines[np.triu_indices(len(groups), 1)]
    others = len(everything) - len(first)

    def excess(order: Integers) -> Floats:
        """Return the statistic of each order of the elements, (orders, elements)."""
        within = cosines[order[:, first], order[:, second]].sum(axis=1)
        apart: Floats = within / len(first) - (everything.sum() - within) / others
        return apart

    shuffled = random.permuted(np.tile(np.arange(len(groups)), (permutations, 1)), axis=1)
    return _result(excess(np.arange(len(groups))[None]), excess(shuffled), sizes)


def ordering_test(
    rows: Floats, groups: Integers, periods: Integers, permutations: int, random: np.random.Generator
) -> PermutationTest | None:
    """Return the test of rows (elements, features) by groups and periods, or None for too few elements."""
    names, owners, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if prod(map(factorial, sizes.tolist())) // 2 < MIN_ARRANGEMENTS or (sizes > 1).sum() < 2:
        return None
    member = (owners[:, None] == np.arange(len(names))) * 1.0  # (elements, groups)
    centring = np.eye(len(groups)) - (member / sizes) @ member.T
    centred = centring @ rows
    others = (owners[:, None] != owners) * (centred @ centred.T)  # X Xᵀ without the element's own group
    first, second = np.nonzero(np.triu(owners[:, None] == owners, 1))
    rounding = len(groups) ** 2 * np.finfo(np.float64).eps * (rows**2).sum()  # equal rows stay equal

    def in_order(given: Integers) -> Floats:
        """Return the statistic of each assignment of periods, (assignments, elements)."""
        along = given @ centring @ others  # (assignments, elements)
        further = along[:, second] - along[:, first]  # (assignments, pairs)
        further[np.abs(further) <= rounding] = 0.0
        agree = np.sign(further) * np.sign(given[:, second] - given[:, first])
        share: Floats = (1 + agree).mean(axis=1) / 2
        return share

    shuffled = np.tile(periods, (permutations, 1))
    for group in range(len(names)):
        shuffled[:, owners == group] = random.permuted(shuffled[:, owners == group], axis=1)
    return _result(in_order(periods[None]), in_order(shuffled), sizes)


def _units(rows: Floats) -> Floats:
    """Return rows (elements, features) at length 1; rows of zeros as they are."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units: Floats = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return units


def _labellings(sizes: Integers) -> int:
    """Return how many ways there are to put n elements into groups of these sizes.

    n! / (Π m! Π r!), m the sizes and r how many groups there are of each size.
    """
    repeats = np.unique(sizes, return_counts=True)[1].tolist()
    ways = factorial(int(sizes.sum()))
    return ways // (prod(map(factorial, sizes.tolist())) * prod(map(factorial, repeats)))


def _result(observed: Floats, null: Floats, sizes: Integers) -> PermutationTest:
    reached = int((null >= observed[0] - 1e-12).sum())
    return PermutationTest(
        statistic=float(observed[0]),
        null_mean=float(null.mean()),
        null_deviation=float(null.std()),
        p_value=(1 + reached) / (1 + len(null)),
        permutations=len(null),
        elements=int(sizes[sizes > 1].sum()),
        groups=int((sizes > 1).sum()),
    )


def grouping_sentence(test: PermutationTest | None) -> str:
    """Return in words whether elements of one group are alike."""
    if test is None:
        return "Grouping: too few elements share a group to tell whether groups cluster."
    verdict = "groups cluster" if test.significant else "no evidence that groups cluster"
    return (
        f"Grouping: {verdict}. The mean cosine within groups exceeds that between groups by "
        f"{test.statistic:.3f}; with shuffled groups by {_null(test)}"
    )


def ordering_sentence(test: PermutationTest | None) -> str:
    """Return in words whether one direction orders groups by their periods."""
    if test is None:
        return "Ordering: too few elements share a group to tell whether periods order them."
    verdict = "periods order groups" if test.significant else "no evidence that periods order groups"
    return (
        f"Ordering: {verdict}. Along the direction that the other groups give, {test.statistic:.3f} of the "
        f"pairs within a group stand in the order of their periods; with shuffled periods {_null(test)}"
    )


def _null(test: PermutationTest) -> str:
    return (
        f"{round(test.null_mean, 3) + 0.0:.3f} ± {test.null_deviation:.3f} (p = {test.p_value:.2g}, "
        f"{test.permutations:,} shuffles, {test.elements} elements in {test.groups} groups)."
    )
