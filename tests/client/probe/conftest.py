"""Probe maps made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from atomlens.client import ModelReference, Structure
from atomlens.client.probe import Grid, ProbeField, ProbeMap
from atomlens.client.structure import Floats

MODEL = ModelReference("m", 2, "ab" * 32, "cpu")
WATER = Structure([8, 1, 1], [[0.0, 0.0, 0.1], [0.0, 0.8, -0.5], [0.0, -0.8, -0.5]], id="water.xyz@0")
CELL = np.array([[6.0, 0.0, 0.0], [2.0, 5.0, 0.0], [-1.0, 1.0, 7.0]])
CRYSTAL = Structure([11, 17], [[0.1, 0.2, 0.3], [3.0, 2.5, 3.5]], CELL, True, id="NaCl.cif@0")
COUNTS = (5, 6, 7)
SKEWED = Grid([0.0, 0.0, 0.0], CELL / np.array(COUNTS)[:, None], COUNTS)  # takes the cell
ALIGNED = Grid([-1.0, -2.0, -3.0], np.diag([0.4, 0.5, 0.6]), COUNTS)
POINTS = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0], [-1.0, 0.5, 2.0], [3.0, -3.0, 0.0]])


def fields_of(elements: Sequence[str], heads: Sequence[str] = ("energy",)) -> tuple[ProbeField, ...]:
    """Return a field of each head and element; charges are in e, all else in eV."""
    return tuple(
        ProbeField(head, element, "e" if head == "charge" else "eV") for head in heads for element in elements
    )


def probe_map(
    where: Grid | Floats = ALIGNED,
    structure: Structure = WATER,
    elements: Sequence[str] = ("H", "C"),
    heads: Sequence[str] = ("energy",),
    values: npt.ArrayLike | None = None,
    closest: float = 0.7,
    left_out: tuple[int, ...] = (),
) -> ProbeMap:
    """Return a map of invented values, points closer than ``closest`` Å to any atom extrapolating."""
    fields = fields_of(elements, heads)
    shape = (len(fields), *(where.counts if isinstance(where, Grid) else (len(where),)))
    invented = np.random.default_rng(5).normal(-3, 1, shape).astype(np.float32)
    found = invented if values is None else np.asarray(values, np.float32).reshape(shape)
    distances = {element: dict.fromkeys(structure.symbols, closest) for element in elements}
    return ProbeMap(structure, MODEL, fields, found, where, distances, left_out)


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every test."""
    return np.random.default_rng(7)
