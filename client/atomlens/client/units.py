"""Units: conversion of energies at the edge, where people read them; everything inside is in eV."""

from __future__ import annotations

from dataclasses import replace

from atomlens.client.errors import InputError
from atomlens.client.head import Head
from atomlens.client.structure import Floats

# CODATA 2018: one eV in each unit.
ENERGY_UNITS = {
    "eV": 1.0,
    "meV": 1000.0,
    "Ha": 1 / 27.211386245988,
    "kcal/mol": 96.48533212331001 / 4.184,
    "kJ/mol": 96.48533212331001,
}
PER_ATOM = "/atom"  # what the unit of an energy that is a mean over atoms ends with


def in_energy_unit(head: Head, unit: str) -> Head:
    """Return the head with its energies in ``unit``; a head without energies as it is.

    An energy per atom stays one: eV/atom becomes kcal/mol/atom.
    """
    if unit not in ENERGY_UNITS:
        raise InputError(f"`unit` must be one of {', '.join(ENERGY_UNITS)}, got {unit!r}", field="unit")
    whole = head.property_unit.removesuffix(PER_ATOM)
    if whole in ENERGY_UNITS:
        factor = ENERGY_UNITS[unit] / ENERGY_UNITS[whole]
        per_atom = head.property_unit.removeprefix(whole)
        head = replace(head, value=head.value * factor, property_unit=unit + per_atom)
    if head.unit in ENERGY_UNITS:
        factor = ENERGY_UNITS[unit] / ENERGY_UNITS[head.unit]
        head = replace(
            head,
            unit=unit,
            contributions=head.contributions * factor,
            model=_scaled(head.model, factor),
            offset=_scaled(head.offset, factor),
        )
    return head


def _scaled(values: Floats | None, factor: float) -> Floats | None:
    return None if values is None else values * factor
