"""Readers: training data from the tables of files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from atomlens.export.dataset import DataError, Dataset, random_split
from atomlens.export.scrutiny import scrutinise
from atomlens.export.table import CHARGES, SPINS, Table, read_table
from atomlens.export.units import LENGTHS, require_angstrom, stated_units, unit_factor, unit_fields
from atomlens.server.structures import Floats

# The values of total charge and multiplicity that models are trained for.
NEUTRAL = {**dict.fromkeys(CHARGES, (0,)), **dict.fromkeys(SPINS, (0, 1))}


def read_dataset(path: Path, label: str, units: Sequence[str], label_unit: str | None, seed: int) -> Dataset:
    """Read labelled structures from an .npz file, an ASE database or a file of structures.

    Args:
        path: the file; its suffix tells the format.
        label: the field, info key or database column that holds the label.
        units: the units that labels may be returned in; the one that the label's own converts to is taken.
        label_unit: the unit in the file; None for what the label's suffix (``_eV``, ``_D``, ...) or the
            file's own fields (``units``, ``energy_unit``, ...) say.
        seed: of the random split, where the file has none.

    Raises:
        DataError: the file cannot be read, or a field is missing or breaks a rule, which the message names.
    """
    table = read_table(path, {label, *unit_fields(label, units), *LENGTHS})
    labels = _labels(table, label)
    require_angstrom(table)
    unit, factor = unit_factor(label, units, label_unit, stated_units(table, label, units))
    _refuse_ions(table)
    split = table.split
    if split is None:
        split = random_split(len(table.structures), seed)
    data = Dataset(table.structures, labels * factor, split, label, unit, table.source)
    return scrutinise(data.check())


def _labels(table: Table, label: str) -> Floats:
    """Return one number for each structure: (structures,) in the file's unit."""
    values, many = table.per_structure(label), len(table.structures)
    if values.shape != (many,):
        raise DataError(f"{table.source}: `{label}` must be ({many},), got {values.shape}")
    if values.dtype.kind not in "iuf":
        raise DataError(f"{table.source}: `{label}` must be numbers, got {values.dtype}")
    return values.astype(np.float64)


def _refuse_ions(table: Table) -> None:
    """Refuse ions and open shells: charge and spin are no inputs of a model."""
    for name, allowed in NEUTRAL.items():
        values = table.fields.get(name, np.zeros(0))
        if name in table.flaws or values.shape != (len(table.structures),):
            continue
        odd = np.flatnonzero(~np.isin(values, allowed))
        if len(odd):
            rule = (
                f"`{name}` must be {' or '.join(map(str, allowed))}, models take neutral closed shells only"
            )
            raise DataError(f"{table.source}: {rule}, got {values[odd[0]]} in structure {odd[0]}")
