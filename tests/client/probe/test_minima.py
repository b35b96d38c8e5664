"""`atomlens.client.probe.minima`."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from atomlens.client.probe.minima import Flags, Values, minima

OPEN, CLOSED = np.zeros(3, np.bool_), np.ones(3, np.bool_)


def double_loop(values: Values, closes: Flags, eligible: Flags) -> list[int]:
    """Return the strict minima, each point against the 26 around it, from the lowest on."""
    found = []
    for point in np.ndindex(*values.shape):
        others = [
            tuple(int(place) for place in np.array(point) + offset)
            for offset in product((-1, 0, 1), repeat=3)
            if any(offset)
        ]
        inside = [
            all(
                closed or 0 <= at < count for at, count, closed in zip(one, values.shape, closes, strict=True)
            )
            for one in others
        ]
        lower = [
            values[tuple(np.array(one) % values.shape)] <= values[point] for one in others if all(inside)
        ]
        if eligible[point] and all(inside) and not any(lower):
            found.append(point)
    found.sort(key=lambda point: values[point])
    return [int(np.ravel_multi_index(point, values.shape)) for point in found]


@pytest.mark.parametrize("closes", list(product((False, True), repeat=3)), ids=str)
@pytest.mark.parametrize("shape", [(7, 6, 8), (3, 9, 4)], ids=str)
def test_strict_minima(
    shape: tuple[int, int, int], closes: tuple[bool, ...], rng: np.random.Generator
) -> None:
    """Where no two values are equal, they are those of a double loop, from the lowest on."""
    values = rng.permutation(np.prod(shape)).reshape(shape).astype(np.float32)
    eligible = rng.random(shape) < 0.7
    expected = double_loop(values, np.array(closes), eligible)
    assert list(minima(values, np.array(closes), eligible)) == expected
    assert expected or shape == (3, 9, 4)


def test_a_mirror_plane_between_points() -> None:
    """Neighbours of one value that are lower than all around them are one minimum, the first of them."""
    values = np.ones((6, 6, 6), np.float32)
    values[2:4, 2:4, 3] = 0.0
    everywhere = np.ones(values.shape, np.bool_)
    assert list(minima(values, OPEN, everywhere)) == [np.ravel_multi_index((2, 2, 3), values.shape)]
    everywhere[2, 2, 3] = False
    assert list(minima(values, OPEN, everywhere)) == [np.ravel_multi_index((2, 3, 3), values.shape)]


def test_a_step_is_no_minimum() -> None:
    """Neighbours of one value of which one has a lower neighbour are none."""
    values = np.ones((7, 5, 5), np.float32)
    values[1:5, 2, 2] = 0.0
    values[5, 2, 2] = -1.0
    assert list(minima(values, OPEN, np.ones(values.shape, np.bool_))) == [
        np.ravel_multi_index((5, 2, 2), values.shape)
    ]


@pytest.mark.parametrize("closes", [OPEN, CLOSED], ids=["open", "closed"])
def test_a_plain_has_no_minima(closes: Flags) -> None:
    """Far from all atoms a field is flat."""
    values = np.zeros((20, 20, 20), np.float32)
    assert list(minima(values, closes, np.ones(values.shape, np.bool_))) == []
    values[5, 5, 5] = 1.0
    assert list(minima(values, closes, np.ones(values.shape, np.bool_))) == []


def test_minima_across_a_face_that_closes() -> None:
    """Of two equal neighbours on both sides of the cell's face one is the minimum."""
    values = np.ones((6, 6, 6), np.float32)
    values[0, 3, 3] = values[5, 3, 3] = 0.0
    assert len(list(minima(values, CLOSED, np.ones(values.shape, np.bool_)))) == 1
    assert list(minima(values, OPEN, np.ones(values.shape, np.bool_))) == []


@pytest.mark.parametrize("shape", [(1, 5, 5), (2, 5, 5), (1, 1, 5), (2, 2, 5)], ids=str)
def test_closed_axes_of_few_points(shape: tuple[int, int, int]) -> None:
    """A point is not its own neighbour, however the cell repeats it."""
    values = np.ones(shape, np.float32)
    values[0, shape[1] // 2, 2] = 0.0
    assert list(minima(values, CLOSED, np.ones(shape, np.bool_))) == [
        np.ravel_multi_index((0, shape[1] // 2, 2), shape)
    ]


def test_values_that_are_not_numbers_are_no_minima() -> None:
    """Neither they nor their neighbours, of which nobody knows."""
    values = np.ones((5, 5, 5), np.float32)
    values[2, 2, 2] = np.nan
    values[2, 2, 3] = 0.0
    assert list(minima(values, OPEN, np.ones(values.shape, np.bool_))) == []
