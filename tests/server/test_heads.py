"""`atomlens.server.heads`: against plain loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from atomlens.server.card import NUMBERS, Aggregation, Head
from atomlens.server.heads import DipoleParts, OffsetParts, aggregate
from atomlens.server.structures import Floats, Structures

MASSES = np.full(NUMBERS, np.nan)
MASSES[[1, 6, 8]] = [1.008, 12.011, 15.999]
OFFSETS = np.zeros(NUMBERS)
OFFSETS[[1, 6, 8]] = [-13.6, -1029.9, -2042.6]


@pytest.fixture
def batch(rng: np.random.Generator) -> Structures:
    """Three molecules, the second charged, far from the origin."""
    counts = [4, 1, 7]
    numbers = rng.choice([1, 6, 8], 12)
    one = Structures.molecules(counts, numbers, rng.normal(size=(12, 3)) * 3 + 1000.0)
    return replace(one, charges=np.array([0.0, 1.0, -2.0]))


def head(aggregation: Aggregation) -> Head:
    """Return a head with offsets."""
    return Head("any", aggregation, "eV", "eV", OFFSETS)


def rows(batch: Structures) -> list[slice]:
    """Return the atoms of each molecule."""
    return [slice(first, last) for first, last in zip(batch.offsets, batch.offsets[1:], strict=False)]


def center(batch: Structures, mine: slice) -> Floats:
    """Return the centre of mass by a plain loop."""
    total, moment = 0.0, np.zeros(3)
    for number, position in zip(batch.numbers[mine], batch.positions[mine], strict=True):
        total += MASSES[number]
        moment += MASSES[number] * position
    return moment / total


@pytest.mark.parametrize("aggregation", [Aggregation.SUM, Aggregation.MEAN])
def test_energies(aggregation: Aggregation, batch: Structures, rng: np.random.Generator) -> None:
    """P = Σ(raw + offset), divided by N for a mean."""
    raw = rng.normal(size=12)
    result = aggregate(head(aggregation), raw, batch, MASSES)
    for row, mine in enumerate(rows(batch)):
        total = sum(
            value + OFFSETS[number] for value, number in zip(raw[mine], batch.numbers[mine], strict=True)
        )
        expected = total / batch.counts[row] if aggregation is Aggregation.MEAN else total
        assert result.properties[row] == pytest.approx(expected, rel=1e-14)
    assert isinstance(result.parts, OffsetParts)
    assert np.array_equal(result.contributions, result.parts.model + result.parts.offset)
    assert np.array_equal(result.parts.offset, OFFSETS[batch.numbers])


def test_dipoles(batch: Structures, rng: np.random.Generator) -> None:
    """Q = raw + (Q − Σraw)/N, p = Σ q (r − r_com), P = |p|."""
    raw = rng.normal(size=12)
    result = aggregate(head(Aggregation.DIPOLE), raw, batch, MASSES)
    assert isinstance(result.parts, DipoleParts)
    for row, mine in enumerate(rows(batch)):
        shift = (batch.charges[row] - sum(raw[mine])) / batch.counts[row]
        vector = np.zeros(3)
        for value, position in zip(raw[mine], batch.positions[mine], strict=True):
            vector += (value + shift) * (position - center(batch, mine))
        assert np.abs(result.contributions[mine] - raw[mine] - shift).max() < 1e-14
        assert sum(result.contributions[mine]) == pytest.approx(batch.charges[row], abs=1e-12)
        assert np.abs(result.parts.origins[row] - center(batch, mine)).max() < 1e-11
        assert np.abs(result.parts.vectors[row] - vector).max() < 1e-10
        assert result.properties[row] == pytest.approx(np.linalg.norm(vector), abs=1e-10)
    assert np.array_equal(result.parts.raw, raw)


def test_second_moments(batch: Structures, rng: np.random.Generator) -> None:
    """P = Σ raw |r − r_com|², with neither offsets nor neutrality."""
    raw = rng.normal(size=12)
    result = aggregate(head(Aggregation.SECOND_MOMENT), raw, batch, MASSES)
    for row, mine in enumerate(rows(batch)):
        expected = 0.0
        for value, position in zip(raw[mine], batch.positions[mine], strict=True):
            expected += value * np.sum((position - center(batch, mine)) ** 2)
        assert result.properties[row] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert result.parts is None
    assert np.array_equal(result.contributions, raw)


def test_large_sums_keep_their_digits() -> None:
    """Ten thousand contributions of a thousand eV with a micro-eV each: float32 would lose it."""
    many = 10_000
    batch = Structures.molecules([many], [1] * many, np.zeros((many, 3)))
    exact = Head("energy", Aggregation.SUM, "eV", "eV", np.zeros(NUMBERS))
    result = aggregate(exact, np.full(many, -1000.000001), batch, MASSES)
    assert result.properties[0] == pytest.approx(-1e7 - 1e-2, abs=1e-6)


@pytest.mark.parametrize("aggregation", list(Aggregation))
def test_no_structures_have_no_properties(aggregation: Aggregation) -> None:
    """A batch in which every structure failed is answered."""
    nothing = Structures.molecules([], [], np.zeros((0, 3)))
    result = aggregate(head(aggregation), np.zeros(0), nothing, MASSES)
    assert result.properties.shape == (0,)
    assert result.contributions.shape == (0,)
