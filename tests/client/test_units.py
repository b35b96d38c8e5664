"""Energies in the units that people read."""

from __future__ import annotations

import ase.units
import numpy as np
import pytest

from atomlens.client import Explanation, InputError, combine
from atomlens.client.units import ENERGY_UNITS
from atomlens.export.units import EV

from .conftest import extent_explanation, formation_explanation

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


def test_labels_are_read_with_the_same_factors() -> None:
    """Training and reading know the same units of energy, and agree on them to the last digits."""
    assert set(EV) == set(ENERGY_UNITS)
    for unit, factor in EV.items():
        assert factor * ENERGY_UNITS[unit] == pytest.approx(1.0, rel=1e-14)


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


@pytest.mark.parametrize("unit", ENERGY_UNITS)
def test_energies_per_atom(unit: str) -> None:
    """An energy per atom stays one; its contributions, whose mean it is, are converted alike."""
    before = formation_explanation(offset=0.5)
    after = before.in_energy_unit(unit)
    (old,), (new,) = before.heads.values(), after.heads.values()
    assert (new.property_unit, new.unit) == (f"{unit}/atom", unit)
    assert new.value == pytest.approx(old.value * ENERGY_UNITS[unit], rel=1e-14)
    assert new.value == pytest.approx(new.contributions.mean(), rel=1e-14)
    for name in ("contributions", "model", "offset"):
        np.testing.assert_allclose(getattr(new, name), getattr(old, name) * ENERGY_UNITS[unit], rtol=1e-14)
    back = after.in_energy_unit("eV").heads["formation_energy"]
    assert back.property_unit == "eV/atom"
    assert back.value == pytest.approx(old.value, rel=1e-14)


def test_extents_are_no_energies() -> None:
    """Electrons and Å² stay as they are."""
    before = extent_explanation()
    after = before.in_energy_unit("kcal/mol")
    assert after.units == before.units
    assert after.properties == before.properties


def test_and_back(energy: Explanation) -> None:
    """What is converted already is converted from there."""
    back = energy.in_energy_unit("kcal/mol").in_energy_unit("eV")
    np.testing.assert_allclose(back.contributions["energy"], energy.contributions["energy"], rtol=1e-14)


def test_unknown_unit(energy: Explanation) -> None:
    """A unit that is not known is refused with those that are."""
    with pytest.raises(InputError, match="`unit` must be one of eV, meV, Ha, kcal/mol, kJ/mol, got 'K'"):
        energy.in_energy_unit("K")
