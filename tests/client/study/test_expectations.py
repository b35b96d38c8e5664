"""Expectations on values made so that one knows what holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import nan

import numpy as np
import pytest

from atomlens.client.study.environments import PATTERNS, Environments
from atomlens.client.study.expectations import (
    CARBONYL_C,
    CARBONYL_O,
    CHARGE_ORDER,
    ENERGY_ORDERS,
    ETHER_OR_HYDROXYL,
    FEWEST,
    TWO_COORDINATE_N,
    WATER,
    Expectation,
    Labelled,
    charge_expectations,
    energy_expectations,
    rank_expectation,
)

NUMBERS = {"H": 1, "C": 6, "N": 7, "O": 8}
MANY = 4 * FEWEST


def labelled(
    values: Mapping[str, Sequence[float] | np.ndarray],
    sizes: Mapping[str, Sequence[int] | np.ndarray] | None = None,
) -> Labelled:
    """Return atoms with values by their label, in molecules of 10 atoms unless said otherwise."""
    labels = [label for label, of in values.items() for _ in of]
    hybridisations = [label if label.startswith("C sp") else "" for label in labels]
    counts = [(sizes or {}).get(label, [10] * len(of)) for label, of in values.items()]
    told = Environments(np.array(hybridisations), np.array(labels), np.ones(1, np.bool_), ())
    numbers = np.array([NUMBERS[label[0]] for label in labels])
    return Labelled(told, numbers, np.concatenate(counts), np.concatenate(list(values.values())))


def around(mean: float, count: int = MANY) -> np.ndarray:
    """Return values within 0.1 of their mean."""
    return mean + np.linspace(-0.1, 0.1, count)


GOOD = {
    "C sp": around(-5.4),
    "C sp2": around(-5.0),
    "C sp3": around(-4.3),
    "O amide carbonyl": around(-5.1),
    "O ether": around(-4.5),
    "N nitrile": around(-5.1),
    "N imine": around(-4.5),
    "N amine": around(-4.0),
}


def row(rows: Sequence[Expectation], word: str) -> Expectation:
    """Return the row with a word in its expectation."""
    return next(one for one in rows if word in one.expectation)


def test_orders_hold() -> None:
    """Classes in their order hold, with means, counts and areas in words and in numbers."""
    rows = energy_expectations(labelled(GOOD))
    assert [one.holds for one in rows] == [True, True, True]
    carbon = row(rows, "C sp <")
    assert "C sp2 -5.000 eV (40 atoms)" in carbon.measured
    assert carbon.numbers["mean C sp3"] == pytest.approx(-4.3)
    assert carbon.numbers["atoms C sp"] == MANY
    assert carbon.numbers["AUC C sp < C sp2 at equal size"] == 1.0
    json.dumps([asdict(one) for one in rows], allow_nan=False)


@pytest.mark.parametrize("moved", [-5.9, -5.41, -5.4], ids=["before", "just before", "same"])
def test_orders_fail(moved: float) -> None:
    """A class that does not stand where it should makes a row that fails and says what was measured."""
    carbon = row(energy_expectations(labelled(GOOD | {"C sp2": around(moved)})), "C sp <")
    assert carbon.holds is False
    assert f"C sp2 {moved:.3f} eV" in carbon.measured


def test_overlap_fails() -> None:
    """Means in order are not enough: the classes must be told apart."""
    rows = energy_expectations(labelled(GOOD | {"O amide carbonyl": around(-4.505)}))
    oxygen = row(rows, "O carbonyl")
    assert oxygen.holds is False
    assert 0.5 < oxygen.numbers["AUC O carbonyl < O ether or hydroxyl"] < 0.7


def test_an_outlier_that_turns_the_means_fails() -> None:
    """Classes that can be told apart are not enough: their means must be in order."""
    outlier = np.append(around(-5.1), 1000.0)
    oxygen = row(energy_expectations(labelled(GOOD | {"O amide carbonyl": outlier})), "O carbonyl")
    assert oxygen.numbers["AUC O carbonyl < O ether or hydroxyl at equal size"] > 0.9
    assert oxygen.holds is False


def test_size_cannot_fake_an_order() -> None:
    """Where all of a difference comes from the size of molecules the row fails."""
    small, large = np.full(MANY, 10), np.full(FEWEST, 20)
    carbonyl = np.concatenate([around(-5.0), around(-4.0, FEWEST)])
    ether = np.concatenate([around(-5.0, FEWEST), around(-4.0)])
    sizes = {
        "O amide carbonyl": np.concatenate([small, large]),
        "O ether": np.concatenate([small[:FEWEST], np.full(MANY, 20)]),
    }
    values = {"O amide carbonyl": carbonyl, "O ether": ether}
    oxygen = row(energy_expectations(labelled(values, sizes)), "O carbonyl")
    assert oxygen.numbers["AUC O carbonyl < O ether or hydroxyl"] > 0.7
    assert oxygen.numbers["AUC O carbonyl < O ether or hydroxyl at equal size"] == pytest.approx(
        0.5, abs=0.01
    )
    assert oxygen.holds is False


def test_no_equal_sizes() -> None:
    """Classes that never occur at one size cannot be compared."""
    values = {"O amide carbonyl": around(-5.0), "O ether": around(-4.0)}
    sizes = {"O amide carbonyl": np.full(MANY, 9)}
    oxygen = row(energy_expectations(labelled(values, sizes)), "O carbonyl")
    assert oxygen.holds is None
    assert "equal size" in oxygen.measured


def test_missing_class() -> None:
    """A class with too few atoms makes a row without a verdict that names it."""
    values = {name: of for name, of in GOOD.items() if name != "N amine"} | {
        "N imine": around(-4.5, FEWEST - 1)
    }
    nitrogen = row(energy_expectations(labelled(values)), "N nitrile")
    assert nitrogen.holds is None
    assert (
        nitrogen.measured
        == "only 9 atoms of N two-coordinate and 0 atoms of N amine in the data; 10 are needed"
    )


def test_missing_values() -> None:
    """Atoms without a value count for nothing."""
    unanswered = np.concatenate([around(-5.1), np.full(MANY, nan)])
    oxygen = row(energy_expectations(labelled(GOOD | {"O amide carbonyl": unanswered})), "O carbonyl")
    assert oxygen.holds is True
    assert oxygen.numbers["atoms O carbonyl"] == MANY


CHARGES = {
    "O ether": around(-0.3),
    "H on sp3 C": around(0.1),
    "H on O": around(0.3),
    "C amide": around(0.2),
}


def test_charges_hold() -> None:
    """Charges as they should be hold in every row."""
    rows = charge_expectations(labelled(CHARGES), -0.66)
    assert [one.holds for one in rows] == [True] * 4
    assert row(rows, "oxygen is negative").numbers["share"] == 1.0
    json.dumps([asdict(one) for one in rows], allow_nan=False)


def test_charges_fail() -> None:
    """Charges of the wrong sign, order or size fail, each in its row."""
    wrong = {name: -values for name, values in CHARGES.items()}
    assert [one.holds for one in charge_expectations(labelled(wrong), -0.5)] == [False] * 4


def test_share_of_a_sign() -> None:
    """A mean of the right sign is not enough: nine of ten atoms must have it."""
    mixed = np.concatenate([around(-0.5), around(0.3, MANY // 4)])
    oxygen = row(charge_expectations(labelled(CHARGES | {"O ether": mixed}), None), "oxygen is negative")
    assert oxygen.holds is False
    assert oxygen.measured == "mean -0.340 e; 80.0% of 50 atoms"


def test_charges_that_were_not_measured() -> None:
    """Without atoms or water there is no verdict, and no number that is none."""
    rows = charge_expectations(labelled({"N amine": around(-0.2)}), nan)
    assert [one.holds for one in rows] == [None] * 4
    json.dumps([asdict(one) for one in rows], allow_nan=False)
    assert row(charge_expectations(labelled(CHARGES), None), "water").holds is None


def test_ranks() -> None:
    """All atoms decide; what elements say by themselves is told beside it, where they say anything."""
    good = rank_expectation("MP2 Mulliken charges", 0.8, {"H": 0.4, "O": nan})
    assert good.holds is True
    assert good.measured == "Spearman 0.800; within elements H 0.40"
    assert good.numbers == {"Spearman": 0.8, "Spearman H": 0.4}
    assert rank_expectation("MP2 Mulliken charges", 0.7, {}).holds is False
    nothing = rank_expectation("MP2 Mulliken charges", nan, {"H": nan})
    assert (nothing.holds, nothing.numbers) == (None, {})


def test_labels_exist() -> None:
    """Every environment that a class is made of is one that atoms can have."""
    unions = {*CARBONYL_C, *CARBONYL_O, *ETHER_OR_HYDROXYL, *TWO_COORDINATE_N}
    orders = {label for classes in (*ENERGY_ORDERS, CHARGE_ORDER) for of in classes.values() for label in of}
    assert unions | orders - {"C sp", "C sp2", "C sp3"} <= PATTERNS.keys()


def test_water_demands_its_charge() -> None:
    """The dipole of water, 1.8511 D, and its shape leave one charge to oxygen: q = −p / h, h the height."""
    height = WATER.positions[1, 1]
    assert -1.8511 / 4.80320 / height == pytest.approx(-0.656, abs=0.002)
