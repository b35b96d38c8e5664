"""Scrutiny: what training data betray only as a whole, atoms on one place and units that are mixed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase.data import atomic_masses

from atomlens.export.dataset import DataError, Dataset
from atomlens.export.mixture import Mixture, find_mixture, fitted_ratios
from atomlens.export.nearest import Nearest
from atomlens.export.units import BOHR_ANGSTROM, UNITS
from atomlens.server.limits import Limits
from atomlens.server.structures import Floats, Structures

LENGTHS = {"Å": 1.0, "Bohr": BOHR_ANGSTROM}


def scrutinise(data: Dataset) -> Dataset:
    """Return the dataset itself, whose single values are sound.

    Raises:
        DataError: two atoms are on one place, or labels or positions are in two units.
    """
    nearest = Nearest.of(data.structures)
    _refuse_coincident(data, nearest)
    _refuse(data, "positions", find_mixture(nearest.ratios(data.structures), LENGTHS))
    for ratios in _label_ratios(data):
        _refuse(data, data.label, find_mixture(ratios, UNITS[data.unit]))
    return data


def _refuse_coincident(data: Dataset, nearest: Nearest) -> None:
    atom = int(nearest.distances.argmin())
    if nearest.distances[atom] < Limits().min_distance_angstrom:
        row = data.structures.owners[atom]
        atoms = np.array([atom, nearest.partners[atom]]) - data.structures.offsets[row]
        both = f"atoms {atoms[0]} and {atoms[1]} of structure {row}"
        raise DataError(f"{data.source}: `positions` must not put two atoms on one place, as {both} are")


def _refuse(data: Dataset, field: str, mixture: Mixture | None) -> None:
    if mixture is not None:
        raise DataError(f"{data.source}: `{field}` {mixture}")


def _label_ratios(data: Dataset) -> Iterator[Floats]:
    """Yield ratios of labels to what is expected of them, where there is something to expect.

    Energies are Σ c_Z, extents Σ (c_Z + d_Z |r_i − r_com|²); of the magnitude of a dipole nothing is known.
    """
    structures = data.structures
    one = np.ones(len(structures.numbers))
    if data.unit in ("eV", "eV/atom"):
        values = data.labels / structures.counts if data.unit == "eV" else data.labels
        yield from fitted_ratios(_by_element(structures, one) / structures.counts[:, None], values)
    elif data.unit == "Å²":
        masses = atomic_masses[structures.numbers][:, None]
        centers = structures.sums(masses * structures.positions) / structures.sums(masses)
        squares = ((structures.positions - centers[structures.owners]) ** 2).sum(1)
        columns = np.hstack([_by_element(structures, one), _by_element(structures, squares)])
        size = structures.sums(one + squares)  # so that all structures weigh alike
        yield from fitted_ratios(columns / size[:, None], data.labels / size)


def _by_element(structures: Structures, values: Floats) -> Floats:
    """Return the sums of atomic values (atoms,) over the atoms of each element: (structures, elements)."""
    kinds = np.unique(structures.numbers)
    return np.stack([structures.sums(np.where(structures.numbers == kind, values, 0.0)) for kind in kinds], 1)
