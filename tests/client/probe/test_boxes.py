"""`atomlens.client.probe.boxes`."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.client.probe.boxes import Boxes


@pytest.mark.parametrize("scale", [[5, 5, 5], [40, 0.1, 3], [0, 0, 0], [1e7, 1e7, 1e7]], ids=str)
@pytest.mark.parametrize("radius", [0.0, 0.7, 3.2])
def test_all_within_the_radius_are_found(scale: list[float], radius: float, rng: np.random.Generator) -> None:
    """Around a position, inside or outside, no point within the radius is missed and none comes twice."""
    points = rng.uniform(-1, 1, (2000, 3)) * scale
    boxes = Boxes(points)
    for position in np.concatenate([points[:20], rng.uniform(-1.2, 1.2, (20, 3)) * scale]):
        near = boxes.near(position, radius)
        within = np.flatnonzero(np.linalg.norm(points - position, axis=1) <= radius)
        assert set(within.tolist()) <= set(near.tolist())
        assert len(set(near.tolist())) == len(near)


def test_few_others_are_found(rng: np.random.Generator) -> None:
    """What is found lies in boxes around the sphere."""
    points = rng.uniform(-10, 10, (20_000, 3))
    near = points[Boxes(points).near(np.zeros(3), 2.0)]
    assert np.abs(near).max() <= 3.0
