"""Label layout: places for texts beside points, so that few hide each other."""

from __future__ import annotations

import numpy as np

from atomlens.client.structure import Floats

ANGLES = 24  # directions that a label may lie in
DISTANCES = (
    1.0,
    4.0,
    8.0,
    13.0,
    19.0,
    26.0,
)  # gaps between point and label that are tried, in the points' unit
SWEEPS = 4  # times that each label may move after all have a place


def place_labels(points: Floats, sizes: Floats, radius: float, lower: Floats, upper: Floats) -> Floats:
    """Return the centres of labels (labels, 2) that lie near their points and overlap little.

    Each label in turn takes the place that costs least while the others stay; crowded labels come first.

    Args:
        points: (labels, 2), in any unit of length.
        sizes: (labels, 2), width and height of each label.
        radius: of the marks at the points, which labels keep off.
        lower: (2,), the corner of the area that labels should not leave.
        upper: (2,), the corner opposite.
    """
    offsets = _offsets(sizes, radius)  # (labels, places, 2)
    crowd = (np.linalg.norm(points[:, None] - points, axis=2) < 10 * radius).sum(axis=1)
    centers = points + offsets[:, 0]
    for _ in range(SWEEPS):
        for label in np.argsort(-crowd, kind="stable").tolist():
            places = points[label] + offsets[label]
            others = np.arange(len(points)) != label
            cost = 10 * _overlap(places, sizes[label], centers[others], sizes[others]).sum(axis=1)
            cost += 6 * _overlap(places, sizes[label], points, np.full_like(points, 2 * radius)).sum(axis=1)
            cost += 40 * np.maximum(lower - (places - sizes[label] / 2), 0).sum(axis=1)
            cost += 40 * np.maximum(places + sizes[label] / 2 - upper, 0).sum(axis=1)
            cost += np.linalg.norm(offsets[label], axis=1)
            centers[label] = places[cost.argmin()]
    return centers


def _offsets(sizes: Floats, radius: float) -> Floats:
    """Return where the centre of each label may lie from its point: (labels, places, 2)."""
    angles = 2 * np.pi * np.arange(ANGLES) / ANGLES
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)  # (angles, 2)
    touching = sizes[:, None] / 2 * directions  # (labels, angles, 2), the ellipse within the label
    gaps = [touching + (radius + distance) * directions for distance in DISTANCES]
    return np.concatenate(gaps, axis=1)


def _overlap(places: Floats, size: Floats, centers: Floats, sizes: Floats) -> Floats:
    """Return the area that a box at each place shares with each of other boxes: (places, boxes)."""
    between = np.abs(places[:, None] - centers)  # (places, boxes, 2)
    shared = np.minimum((size + sizes) / 2 - between, np.minimum(size, sizes))
    area: Floats = np.maximum(shared, 0).prod(axis=2)
    return area
