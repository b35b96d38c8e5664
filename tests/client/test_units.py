"""Energies in the units that people read."""

from __future__ import annotations

import ase.units
import numpy as np
import pytest

from atomlens.client import Explanation, InputError, combine
from atomlens.client.units import ENERGY_UNITS

ASE_UNITS = {
    "eV": ase.units.eV,
    "meV": ase.units.eV / 1000,
    "Ha": ase.units.Hartree,
    "kcal/mol": ase.units.kcal / ase.units.mol,
    "kJ/mol": ase.units.kJ / ase.units.mol,
}


@pytest.mark.parametrize("unit", ENERGY_UNITS)
def test_factors(unit: str) -> None:
    """Factors are those of ASE, whose constants are a little older."""
    assert ENERGY_UNITS[unit] == pytest.approx(1 / ASE_UNITS[unit], rel=1e-7)


@pytest.mark.parametrize("unit", ENERGY_UNITS)
def test_every_energy(energy: Explanation, charge: Explanation, unit: str) -> None:
    """All energies and their units are converted, and nothing else."""
    before = combine([energy, charge])
    after = before.in_energy_unit(unit)
    for name in ("energy", "energies", "energies_model", "energies_offset"):
        np.testing.assert_allclose(
            getattr(after, name), np.multiply(getattr(before, name), ENERGY_UNITS[unit])
        )
        assert after.units[name] == unit
    for name in ("charges", "charges_raw", "dipole", "dipole_magnitude", "dipole_origin"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
        assert after.units[name] == before.units[name]


def test_and_back(energy: Explanation) -> None:
    """What is converted already is converted from there."""
    back = energy.in_energy_unit("kcal/mol").in_energy_unit("eV")
    np.testing.assert_allclose(back.contributions["energy"], energy.contributions["energy"], rtol=1e-14)


def test_unknown_unit(energy: Explanation) -> None:
    """A unit that is not known is refused with those that are."""
    with pytest.raises(InputError, match="`unit` must be one of eV, meV, Ha, kcal/mol, kJ/mol, got 'K'"):
        energy.in_energy_unit("K")
