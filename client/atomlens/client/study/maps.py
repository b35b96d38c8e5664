"""Maps: what probes say of the space around benzene, whose symmetry every map must have."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from atomlens.client.client import Client
from atomlens.client.probe import Grid, ProbeMap
from atomlens.client.structure import Floats, Structure
from atomlens.client.study.expectations import Expectation

# All three numbers were said before anything was measured. What DIFFERENT is a share of was not: the mean
# over the whole box, most of it empty, was tried first, and was below 0.01 of the range for every model.
MIRRORED = 1e-3  # of a map's range: what values at mirror images may differ by
DIFFERENT = 0.05  # of the larger map: what the maps of two elements must differ by
SHELLS_ANGSTROM = (2.0, 2.75, 3.5, 4.25, 5.0)  # from the nearest nucleus; values fade from each to the next
FAR_ANGSTROM = 100.0  # where a probe is alone

CC, CH = 1.397, 1.084  # Å, from the centre's neighbors outwards
PROBES = ("H", "C", "N", "O")
RULE = (
    f"values less that of a lone probe: at mirror images within {MIRRORED:g} of the range; two elements "
    f"differ by {DIFFERENT:.0%} of the larger map; magnitudes fall from shell to shell, "
    f"{SHELLS_ANGSTROM[0]:g} to {SHELLS_ANGSTROM[-1]:g} Å from the nuclei"
)


class Symmetry(NamedTuple):
    """What was measured of the maps of one model, each less the value of a lone probe."""

    mirrored: float  # largest difference between mirror images, over the range of what does not extrapolate
    different: float  # least difference between two elements, over the larger map; nothing that extrapolates
    fading: Floats  # (elements, shells) mean distance from the value of a lone probe


def benzene() -> Structure:
    """Return benzene about the origin in the plane z = 0, its mirror planes x = 0, y = 0 and z = 0."""
    angles = np.deg2rad(60.0 * np.arange(6))
    around = np.stack([np.cos(angles), np.sin(angles), np.zeros(6)], axis=1)
    return Structure([6] * 6 + [1] * 6, np.concatenate([CC * around, (CC + CH) * around]), id="benzene")


def map_expectation(client: Client, model: str) -> Expectation:
    """Return the row about the maps of benzene, of a model that knows benzene and the probes."""
    expectation = "Ω: maps of benzene are mirror symmetric, differ for H, C, N and O, and fade outwards"
    found = _measure(client, model)
    holds = (
        found.mirrored <= MIRRORED
        and found.different >= DIFFERENT
        and all(near > far for row in found.fading.tolist() for near, far in pairwise(row))
    )
    faded = ", ".join(
        f"{probe} {row[0]:.3f} to {row[-1]:.3f}" for probe, row in zip(PROBES, found.fading, strict=True)
    )
    measured = (
        f"mirror images within {found.mirrored:.1e} of the range; two elements differ by "
        f"{found.different:.0%} at least; fading {faded}"
    )
    numbers = {"mirrored": found.mirrored, "different": found.different}
    numbers |= {
        f"{probe} at {(low + high) / 2:g} Å": value
        for probe, row in zip(PROBES, found.fading.tolist(), strict=True)
        for (low, high), value in zip(pairwise(SHELLS_ANGSTROM), row, strict=True)
    }
    return Expectation(expectation, RULE, measured, holds, numbers)


def _measure(client: Client, model: str) -> Symmetry:
    molecule = benzene()
    grid = Grid([-7.6, -7.6, -5.2], 0.4 * np.eye(3), (39, 39, 27))
    around = client.probe(molecule, PROBES, model, grid=grid).collect(progress=False)
    far = client.probe(molecule, PROBES, model, points=[[FAR_ANGSTROM] * 3]).collect(progress=False)
    values = around.values.astype(np.float64) - far.values[:, :, None, None]
    trusted = ~around.extrapolating
    ranges = np.array([np.ptp(one[kept]) for one, kept in zip(values, trusted, strict=True)])
    return Symmetry(_mirrored(values, ranges), _different(values, trusted), _fading(around, values))


def _mirrored(values: Floats, ranges: Floats) -> float:
    """Return the largest difference between values and their mirror images over the range."""
    largest = [np.abs(values - np.flip(values, axis)).max(axis=(1, 2, 3)) / ranges for axis in (1, 2, 3)]
    return float(np.max(largest))


def _different(values: Floats, trusted: npt.NDArray[np.bool_]) -> float:
    """Return the least Σ|a − b| / max(Σ|a|, Σ|b|) of the maps of two elements."""
    shares = []
    for one, other in combinations(range(len(values)), 2):
        both = trusted[one] & trusted[other]
        a, b = values[one][both], values[other][both]
        shares.append(np.abs(a - b).sum() / max(np.abs(a).sum(), np.abs(b).sum()))
    return float(min(shares))


def _fading(around: ProbeMap, values: Floats) -> Floats:
    """Return the mean distance from the value of a lone probe in each shell: (elements, shells)."""
    points, nuclei = around.points(), around.structure.positions
    nearest = np.linalg.norm(points[:, None] - nuclei, axis=2).min(axis=1)  # (points,)
    distances = np.abs(values).reshape(len(values), -1)
    shells = [(low <= nearest) & (nearest < high) for low, high in pairwise(SHELLS_ANGSTROM)]
    return np.stack([distances[:, shell].mean(axis=1) for shell in shells], axis=1)
