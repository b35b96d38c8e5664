"""Probe map: Ω_A at every point of a grid or of a list of points, for one or more elements A."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from atomlens.client.explanation import ModelReference
from atomlens.client.frozen import Frozen
from atomlens.client.probe.grid import Grid
from atomlens.client.probe.probe_field import ProbeField
from atomlens.client.structure import Floats, Structure

Closest = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True, eq=False)
class ProbeMap(Frozen):
    """Fields over the same points, with the structure that they surround.

    Energies are on the scale of `energies_model`, charges on that of `charges_raw`.
    """

    structure: Structure
    model: ModelReference
    fields: tuple[ProbeField, ...]
    values: npt.NDArray[np.float32]  # (fields, *grid.counts), or (fields, points) of a list of points
    where: Grid | Floats  # a grid, or points in Å (points, 3)
    closest: Closest  # of each probe and element of the structure, by symbols: the distance in Å below which a
    # point is nearer to a nucleus than that pair ever came in training
    left_out: tuple[int, ...] = ()  # atoms that the probes do not feel
