"""`atomlens.export.mixture`, on numbers made up."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.export.mixture import Mixture, find_mixture, fitted_ratios
from atomlens.export.units import EV

HARTREE = EV["Ha"]


def test_one_structure_is_enough_where_the_others_agree(rng: np.random.Generator) -> None:
    """Ratios that scatter more need three, since one may be odd."""
    for scatter, seen in ((0.001, True), (0.01, False)):
        ratios = np.exp(rng.normal(0, scatter, 500))
        ratios[70] = 1 / HARTREE
        assert (find_mixture(ratios, EV) is not None) is seen
    ratios[[71, 300]] /= HARTREE
    assert find_mixture(ratios, EV) == Mixture(3, 500, 70, "Ha", "eV")


@pytest.mark.parametrize(
    ("unit", "others"), [("Ha", "eV"), ("eV", "Ha"), ("kJ/mol", "kcal/mol"), ("meV", "eV")]
)
def test_both_units_are_named(rng: np.random.Generator, unit: str, others: str) -> None:
    """By the factor between them, in the direction that it has."""
    ratios = np.exp(rng.normal(0, 0.02, 1000))
    ratios[400:600] *= EV[others] / EV[unit]
    found = find_mixture(ratios, EV)
    assert found == Mixture(200, 1000, 400, unit, others)
    assert str(found).startswith("must have one unit: 200 of 1000 structures, structure 400 first, are in ")


@pytest.mark.parametrize(
    "ratios",
    [
        np.exp(np.linspace(-4, 4, 1000)),
        np.r_[np.ones(900), np.full(100, 1 / 10.0)],
        np.r_[np.ones(900), np.full(50, 1 / HARTREE), np.linspace(0.2, 0.7, 50)],
        np.r_[np.ones(900), np.full(100, 1.06 / HARTREE)],
        np.r_[np.ones(100), np.full(900, np.nan)],
        np.r_[np.ones(900), -np.ones(100) / HARTREE],
        np.full(100, 1 / HARTREE),
        np.zeros(0),
    ],
    ids=["everywhere", "no unit", "in between", "beside the factor", "no expectation", "sign", "all", "none"],
)
def test_other_ratios_betray_nothing(ratios: np.ndarray) -> None:
    """A mixture has two peaks, one of them at a known factor, and next to nothing elsewhere."""
    assert find_mixture(ratios, EV) is None


@pytest.mark.parametrize("share", [0.001, 0.1, 0.45, 0.5, 0.55, 0.9, 0.999])
def test_a_fit_follows_one_of_the_units_whatever_their_shares(rng: np.random.Generator, share: float) -> None:
    """Total energies of random compositions, some in Hartree."""
    composition = rng.integers(0, 9, (4000, 3)) + np.array([1, 0, 0])
    energies = composition @ np.array([-13.6, -1029.9, -2042.6]) * rng.normal(1, 1e-4, 4000)
    some = rng.random(4000) < share
    sizes = composition.sum(1)
    values = np.where(some, energies / HARTREE, energies) / sizes
    found = [find_mixture(ratios, EV) for ratios in fitted_ratios(composition / sizes[:, None], values)]
    counts = {(mixture.unit, mixture.count) for mixture in found if mixture}
    assert counts <= {("Ha", int(some.sum())), ("eV", int((~some).sum()))}
    assert counts


def test_few_structures_are_fitted_by_anything() -> None:
    """So that nothing follows from how well they are."""
    assert not fitted_ratios(np.ones((19, 1)), np.arange(19.0))
    assert not fitted_ratios(np.ones((29, 10)), np.arange(29.0))
    assert fitted_ratios(np.ones((30, 10)), np.arange(30.0))
