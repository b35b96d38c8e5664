"""Explanations: their well-known names, units and combinations."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable

import numpy as np
import pytest

from atomlens.client import Explanation, InputError, combine

KEYS = (
    "energy energies energies_model energies_offset charges_raw charges dipole dipole_magnitude dipole_origin"
)


def test_well_known_names(energy: Explanation) -> None:
    """A head called energy has its three atomic energies and their sum; what no model has is None."""
    assert energy.energy == 97.0 - 3.0 - 3.0 + 3.0
    assert energy.energies is not None
    assert energy.energies_model is not None
    assert energy.energies_offset is not None
    assert energy.energies.tolist() == [79.0, 8.0, 7.0]
    assert energy.energies_model.tolist() == [-1.0, -2.0, -3.0]
    assert energy.energies_offset.tolist() == [80.0, 10.0, 10.0]
    assert all(getattr(energy, name) is None for name in KEYS.split()[4:])
    assert energy.properties == {"energy": 94.0}
    assert energy.contributions["energy"] is energy.energies


def test_combine(energy: Explanation, charge: Explanation) -> None:
    """Models with different heads answer as one; a warning that both give is given once."""
    both = combine([energy, charge])
    assert (both.energy, both.dipole_magnitude) == (energy.energy, charge.dipole_magnitude)
    assert [str(model) for model in both.models] == ["e@2", "q@1"]
    assert both.warnings == ("close", "big")
    assert list(both.columns()) == [
        "energies_model",
        "energies_offset",
        "energies",
        "charges_raw",
        "charges",
    ]


def test_combine_shared_head(energy: Explanation) -> None:
    """Models that share a head cannot answer as one."""
    with pytest.raises(InputError, match=r"without a head in common, got e@2 and e@2 with `energy`"):
        combine([energy, energy])


def test_units(energy: Explanation, charge: Explanation) -> None:
    """Every quantity that there is has a unit."""
    both = combine([energy, charge])
    wanted = {"positions", "cell", "charge", *KEYS.split()}
    wanted |= {f"{kind}.{head}" for kind in ("properties", "contributions") for head in ("energy", "charge")}
    assert set(both.units) == wanted
    assert both.units["properties.charge"] == "e·Å"
    assert both.units["contributions.charge"] == "e"


def test_frozen(energy: Explanation) -> None:
    """An explanation does not change, and neither do its heads and their arrays."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        energy.warnings = ()  # type: ignore[misc]
    with pytest.raises(TypeError):
        energy.heads["other"] = energy.heads["energy"]  # type: ignore[index]
    for explanation in (energy, energy.in_energy_unit("Ha")):
        with pytest.raises(ValueError, match="read-only"):
            explanation.contributions["energy"][0] = 1.0


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies(
    energy: Explanation, charge: Explanation, copied: Callable[[Explanation], Explanation]
) -> None:
    """What comes out of a copy or a pickle is the same, and as unchangeable."""
    both = combine([energy, charge])
    other = copied(both)
    assert other.to_dict() == both.to_dict()
    arrays = [other.numbers, other.positions, other.pbc, other.dipole, *other.columns().values()]
    assert not any(array.flags.writeable for array in arrays if array is not None)
    with pytest.raises(TypeError):
        other.heads["other"] = other.heads["energy"]  # type: ignore[index]


def test_repr(energy: Explanation, charge: Explanation) -> None:
    """The short form names structure, properties by their well-known names, and models."""
    assert repr(energy) == "<Explanation water.xyz@0: energy=94 by e@2>"
    wanted = f"<Explanation water.xyz@0: dipole_magnitude={charge.dipole_magnitude:.6g} by q@1>"
    assert repr(charge) == wanted
    other = dataclasses.replace(energy.heads["energy"], name="gap")
    assert "gap=94" in repr(dataclasses.replace(energy, heads={"gap": other}))


def test_parts_make_the_whole(charge: Explanation) -> None:
    """The invented charges obey what the engine's do: they sum to nothing."""
    assert charge.charges is not None
    assert np.isclose(charge.charges.sum(), 0.0)
