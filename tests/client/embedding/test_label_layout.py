"""Where labels go."""

from __future__ import annotations

import numpy as np

from atomlens.client.embedding.label_layout import place_labels
from atomlens.client.structure import Floats

AREA = (np.array([-100.0, -100.0]), np.array([100.0, 100.0]))


def shared(centers: Floats, sizes: Floats) -> float:
    """Return the area that labels share, each pair once."""
    total = 0.0
    for first in range(len(centers)):
        for second in range(first):
            gap = (sizes[first] + sizes[second]) / 2 - np.abs(centers[first] - centers[second])
            total += float(np.maximum(gap, 0).prod())
    return total


def test_a_single_label_lies_beside_its_point() -> None:
    """As near as it may, and off the mark."""
    size = np.array([[10.0, 8.0]])
    (center,) = place_labels(np.zeros((1, 2)), size, 3.0, *AREA)
    assert 3.0 <= np.linalg.norm(center) <= 3.0 + 1.0 + 5.0
    assert shared(np.array([center, [0.0, 0.0]]), np.array([size[0], [6.0, 6.0]])) == 0


def test_crowded_labels_give_way() -> None:
    """Of many points in little room, hardly any label lies on another."""
    random = np.random.default_rng(3)
    points = random.normal(scale=25.0, size=(40, 2))
    sizes = np.full((40, 2), [10.0, 8.0])
    centers = place_labels(points, sizes, 3.0, *AREA)
    beside = points + np.array([8.0, 0.0])
    assert shared(centers, sizes) < 0.1 * shared(beside, sizes)
    assert np.linalg.norm(centers - points, axis=1).max() < 40.0


def test_labels_stay_inside() -> None:
    """A point in the corner has its label on the inner side."""
    (center,) = place_labels(np.array([[99.0, 99.0]]), np.array([[10.0, 8.0]]), 3.0, *AREA)
    assert (center + np.array([5.0, 4.0]) <= 100.0).all()
