"""Heads: from contributions to properties, in float64 (design: graphs hold only what is learned)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from atomlens.server.card import Aggregation, Head
from atomlens.server.structures import Floats, Structures


@dataclass(frozen=True, slots=True)
class OffsetParts:
    """contributions = model + offset."""

    model: Floats  # (atoms,)
    offset: Floats  # (atoms,)


@dataclass(frozen=True, slots=True)
class DipoleParts:
    """contributions = raw charges, shifted to sum to the total charge."""

    raw: Floats  # (atoms,) e
    vectors: Floats  # (structures, 3) e·Å
    origins: Floats  # (structures, 3) Å, centres of mass


@dataclass(frozen=True, slots=True)
class HeadResult:
    """What one head says of each structure and each atom."""

    head: Head
    properties: Floats  # (structures,) in the head's property unit
    contributions: Floats  # (atoms,) in the head's unit
    parts: OffsetParts | DipoleParts | None


def aggregate(head: Head, raw: Floats, structures: Structures, masses: Floats) -> HeadResult:
    """Return the property and contributions that a head's raw output (atoms,) makes.

    sum: P = Σ(raw + offset).  mean: P = Σ(raw + offset) / N.  dipole: q = raw + (Q − Σraw)/N,
    p = Σ q (r − r_com), P = |p|.  second moment: P = Σ raw |r − r_com|².

    Args:
        head: the head.
        raw: what the graph gave, (atoms,).
        structures: the structures, positions as they came.
        masses: by atomic number, (119,) u.
    """
    if head.aggregation is Aggregation.DIPOLE:
        return _dipole(head, raw, structures, masses)
    if head.aggregation is Aggregation.SECOND_MOMENT:
        centred, _ = _about_center_of_mass(structures, masses)
        moments = structures.sums(raw * (centred**2).sum(1))
        return HeadResult(head, moments, raw, None)
    offset = head.offsets[structures.numbers]
    contributions = raw + offset
    reduce = structures.means if head.aggregation is Aggregation.MEAN else structures.sums
    return HeadResult(head, reduce(contributions), contributions, OffsetParts(raw, offset))


def _dipole(head: Head, raw: Floats, structures: Structures, masses: Floats) -> HeadResult:
    centred, origins = _about_center_of_mass(structures, masses)
    excess = (structures.charges - structures.sums(raw)) / structures.counts  # (structures,)
    charges = raw + excess[structures.owners]
    vectors = structures.sums(charges[:, None] * centred)
    magnitudes = np.sqrt((vectors**2).sum(1))
    return HeadResult(head, magnitudes, charges, DipoleParts(raw, vectors, origins))


def _about_center_of_mass(structures: Structures, masses: Floats) -> tuple[Floats, Floats]:
    """Return positions about the centre of mass (atoms, 3) and the centre of mass (structures, 3)."""
    weights = masses[structures.numbers][:, None]
    origins = structures.sums(weights * structures.positions) / structures.sums(weights)
    return structures.positions - origins[structures.owners], origins
