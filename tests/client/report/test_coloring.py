"""Ways to colour atoms."""

from __future__ import annotations

import numpy as np

from atomlens.client import Explanation, Head
from atomlens.client.report.coloring import colorings
from atomlens.client.report.element_means import ElementMean

from .conftest import MEANS, SALT, WATER, explanation_of


def test_energies_and_charges() -> None:
    """What is learned, what differs from the element's mean, and charges after neutrality."""
    explanation = explanation_of(WATER)
    means = (*MEANS, ElementMean("charge", "O", -0.4, 0.1, 9), ElementMean("charge", "H", 0.2, 0.1, 9))
    energy, of_energy, charge, of_charge = colorings(explanation, means)
    assert energy.values.tolist() == [-1.0, -2.0, -3.0]
    assert (energy.scale.center, energy.scale.reach, energy.scale.unit) == (-2.0, 1.0, "eV")
    np.testing.assert_allclose(of_energy.values, [0.5, 0.25, -0.75])
    assert (of_energy.scale.center, of_energy.scale.reach) == (0.0, 0.75)
    np.testing.assert_allclose(charge.values, [-0.3, 0.0, 0.3], atol=1e-12)
    assert (charge.scale.palette, charge.scale.center) == ("charge", 0.0)
    np.testing.assert_allclose(of_charge.values, [0.2, -0.1, 0.2], atol=1e-12)


def test_means_that_nobody_knows() -> None:
    """Without means there are no deviations, and without that of an element no deviation of its atoms."""
    explanation = explanation_of(WATER)
    assert [one.key for one in colorings(explanation)] == ["energy", "charge"]
    of_energy = colorings(explanation, MEANS[:1])[1]
    assert np.isfinite(of_energy.values).tolist() == [True, False, False]
    unseen = ElementMean("energy", "O", 0.0, 0.0, 0)
    assert [one.key for one in colorings(explanation, [unseen])] == ["energy", "charge"]


def test_a_mean_is_averaged() -> None:
    """Formation energies average, so their mean is told and not their sum."""
    values = np.array([-1.0, -3.0])
    head = Head("formation_energy", "mean", "eV", "eV/atom", -2.0, values, values, np.zeros(2))
    (only,) = colorings(Explanation(SALT, {"formation_energy": head}, ()))
    assert (only.label, only.is_averaged) == ("Formation energy", True)
