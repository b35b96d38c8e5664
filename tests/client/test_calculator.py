"""The ASE calculator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ase.calculators.calculator import PropertyNotImplementedError

from atomlens.client import Client, InputError
from atomlens.client.calculator import AtomLensCalculator

from .conftest import MODELS

if TYPE_CHECKING:
    from ase import Atoms


@pytest.fixture
def water(molecules: list[Atoms]) -> Any:
    """Return water."""
    found: Any = next(atoms for atoms in molecules if str(atoms.symbols) == "OH2")
    return found.copy()


def test_results(water: Any, client: Client) -> None:
    """ASE gets what the models say."""
    water.calc = AtomLensCalculator(client, MODELS)
    expected = client.explain(water, MODELS)
    assert water.get_potential_energy() == pytest.approx(expected.energy)
    np.testing.assert_allclose(water.get_potential_energies(), expected.contributions["energy"])
    np.testing.assert_allclose(water.get_charges(), expected.contributions["charge"])
    assert expected.dipole is not None
    np.testing.assert_allclose(water.get_dipole_moment(), expected.dipole, atol=1e-9)
    assert water.calc.explanation.id == ""


def test_no_forces(water: Any, client: Client) -> None:
    """What the models do not know is not implemented."""
    water.calc = AtomLensCalculator(client, MODELS[0])
    for ask in (water.get_forces, water.get_charges):
        with pytest.raises(PropertyNotImplementedError):
            ask()


def test_asks_again_only_when_needed(water: Any, client: Client) -> None:
    """Results are kept until positions or the total charge change."""
    water.calc = AtomLensCalculator(client, MODELS)
    before = water.get_potential_energy()
    explanation = water.calc.explanation
    water.get_charges()
    assert water.calc.explanation is explanation
    water.positions[1] *= 1.1
    assert water.get_potential_energy() != before
    water.info["charge"] = 1
    with pytest.raises(InputError):
        water.get_potential_energy()
