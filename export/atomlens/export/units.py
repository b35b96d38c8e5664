"""Units: what a label is measured in, by its name, by what a file says and by what the caller says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from atomlens.export.dataset import DataError
from atomlens.export.table import Table

KJ_PER_MOL = 1 / 96.48533212331001  # eV
EV = {  # CODATA 2018
    "eV": 1.0,
    "meV": 1e-3,
    "Ha": 27.211386245988,
    "kcal/mol": 4.184 * KJ_PER_MOL,
    "kJ/mol": KJ_PER_MOL,
}
BOHR_ANGSTROM = 0.529177210903
UNITS = {  # by the unit that labels are learned in, those that they may come in, with the factor
    "eV": EV,
    "eV/atom": {f"{unit}/atom": factor for unit, factor in EV.items()},
    "e·Å": {"e·Å": 1.0, "D": 0.20819433270935603, "au": BOHR_ANGSTROM},
    "Å²": {"Å²": 1.0, "a0²": BOHR_ANGSTROM**2},
}
SUFFIXES = {
    "_eV_per_atom": "eV/atom",
    "_meV_per_atom": "meV/atom",
    "_eV": "eV",
    "_meV": "meV",
    "_Ha": "Ha",
    "_kcal_mol": "kcal/mol",
    "_kJ_mol": "kJ/mol",
    "_eA": "e·Å",
    "_D": "D",
    "_A2": "Å²",
    "_Bohr2": "a0²",
}
ALIASES = {
    "hartree": "Ha",
    "eh": "Ha",
    "ea": "e·Å",
    "e*a": "e·Å",
    "e*å": "e·Å",
    "eå": "e·Å",
    "debye": "D",
    "a.u.": "au",
    "a2": "Å²",
    "bohr2": "a0²",
    "bohr^2": "a0²",
    "angstrom^2": "Å²",
}
KINDS = {"eV": "energy", "eV/atom": "energy_per_atom", "e·Å": "dipole", "Å²": "extent"}
GENERAL = ("unit", "units")  # fields that may speak of another quantity
ANGSTROM = {"å", "a", "ang", "angstrom", "angstroms", "ångström"}
LENGTHS = (
    "length_unit",
    "length_units",
    "position_unit",
    "position_units",
    "positions_unit",
    "positions_units",
)


def unit_factor(
    label: str, units: Sequence[str], label_unit: str | None, stated: Mapping[str, str] | None = None
) -> tuple[str, float]:
    """Return the unit to learn a label in, and the factor to it from the unit in the file.

    Args:
        label: the field, whose name may end with its unit.
        units: the units that the label may be learned in.
        label_unit: the unit in the file as the caller knows it.
        stated: the unit in the file as its own fields say, by their names.

    Raises:
        DataError: nothing tells the unit, two things tell different ones, or no such label has it.
    """
    told = {"its name": _suffix(label)[1], "--label-unit": canonical(label_unit or "")} | dict(stated or {})
    said = [(by, unit) for by, unit in told.items() if unit]
    known = [name for unit in units for name in UNITS[unit]]
    if not said:
        raise DataError(f"`{label}` has no unit in its name: give --label-unit, one of {', '.join(known)}")
    by, given = said[0]
    if given not in known:
        raise DataError(f"`{label}` is in {given}, which is no unit of a label in {' or '.join(units)}")
    target = next(unit for unit in units if given in UNITS[unit])
    for other, unit in said[1:]:
        if unit != given and (other not in GENERAL or unit in UNITS[target]):
            raise DataError(f"`{label}` must have one unit: it is {given} by {by} and {unit} by {other}")
    return target, UNITS[target][given]


def bare_name(label: str) -> str:
    """Return a label's name without its unit: gap of gap_eV."""
    return label.removesuffix(_suffix(label)[0])


def canonical(unit: str) -> str:
    """Return how the unit is written here: Ha for hartree; what is not known stays as it is."""
    known = {name.lower(): name for names in UNITS.values() for name in names}
    lower = unit.strip().lower()
    return known.get(lower) or ALIASES.get(lower) or unit.strip()


def unit_fields(label: str, units: Sequence[str]) -> tuple[str, ...]:
    """Return the fields in which a file may say what the label is measured in."""
    kinds = {KINDS[unit] for unit in units}
    owners = dict.fromkeys([label, bare_name(label), *sorted(kinds)])
    return (*(f"{owner}_{word}" for owner in owners for word in ("unit", "units")), *GENERAL)


def stated_units(table: Table, label: str, units: Sequence[str]) -> dict[str, str]:
    """Return the units that the file's own fields state for the label, by the names of the fields.

    Raises:
        DataError: one of them differs from structure to structure.
    """
    known = {name for unit in units for name in UNITS[unit]}
    said = {name: canonical(unit) for name, unit in _stated(table, unit_fields(label, units))}
    return {name: unit for name, unit in said.items() if unit in known or name not in GENERAL}


def require_angstrom(table: Table) -> None:
    """Raise `DataError` if one of the file's own fields says that positions are in another unit than Å."""
    for name, unit in _stated(table, LENGTHS):
        if unit.lower() not in ANGSTROM:
            raise DataError(f"{table.source}: `positions` must be in Å, `{name}` says {unit}")


def _stated(table: Table, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each of the fields that there are with the one unit in it."""
    for name in names:
        if name in table.flaws:
            table.per_structure(name)  # which raises
        if name in table.fields:
            values = np.atleast_1d(table.fields[name]).astype(str)
            other = int((values != values[0]).argmax())
            if values[other] != values[0]:
                both = f"{values[0]} in structure 0 and {values[other]} in structure {other}"
                raise DataError(f"{table.source}: `{name}` must be the same everywhere, got {both}")
            yield name, str(values[0])


def _suffix(label: str) -> tuple[str, str]:
    """Return the suffix of a label that tells its unit, and the unit; empty where there is none."""
    return next(((suffix, unit) for suffix, unit in SUFFIXES.items() if label.endswith(suffix)), ("", ""))
