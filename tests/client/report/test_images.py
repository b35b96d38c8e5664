"""Frames of structures, and the images that a cell feels."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from atomlens.client import InputError, Structure
from atomlens.client.report.images import Frame, images

TRICLINIC = np.array([[3.0, 0.2, 0.0], [-1.1, 2.9, 0.4], [0.7, 0.5, 4.0]])


def crystal(pbc: npt.ArrayLike = True) -> Structure:
    """Return two atoms, one of them outside the cell, in a skewed one."""
    return Structure([11, 17], [[0.3, 0.1, 0.2], [4.1, 6.0, -2.0]], TRICLINIC, pbc)


def test_a_molecule_has_no_images() -> None:
    """A cell that does not repeat says nothing."""
    structure = crystal(False)
    frame = Frame.of(structure)
    assert frame.repeats == (False, False, False)
    np.testing.assert_array_equal(images(structure, frame, 9.0), structure.positions)


@pytest.mark.parametrize("pbc", [(True, True, True), (True, False, True), (False, False, True)])
@pytest.mark.parametrize("radius", [0.5, 4.0, 9.0])
def test_every_image_that_the_cell_feels(pbc: tuple[bool, bool, bool], radius: float) -> None:
    """No image is missing around any point of the cell, and none comes twice."""
    structure = crystal(pbc)
    found = images(structure, Frame.of(structure), radius)
    steps = [range(-9, 10) if repeats else [0] for repeats in pbc]
    shifts = np.array(list(product(*steps))) @ TRICLINIC
    every = (structure.positions + shifts[:, None]).reshape(-1, 3)
    inside = np.random.default_rng(1).random((200, 3)) * pbc @ TRICLINIC
    for point in inside:
        near = every[np.linalg.norm(every - point, axis=1) < radius]
        same = found[np.linalg.norm(found - point, axis=1) < radius]
        np.testing.assert_allclose(_sorted(same), _sorted(near), atol=1e-9)


def test_what_does_not_repeat_has_unit_vectors() -> None:
    """They are normal to what repeats, whatever the cell has in their places."""
    frame = Frame.of(crystal((True, False, True)))
    np.testing.assert_array_equal(frame.basis[[0, 2]], TRICLINIC[[0, 2]])
    np.testing.assert_allclose(frame.basis @ frame.basis[1], [0.0, 1.0, 0.0], atol=1e-12)


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (Structure([], []), "`structure` must have atoms, got none"),
        (Structure([1], [[0.0, 0.0, np.nan]]), "`positions` must be finite"),
        (Structure([1], [[0.0] * 3], None, True), "`cell` must be given where a structure repeats"),
        (Structure([1], [[0.0] * 3], np.ones((3, 3)), True), "`cell` must span what repeats"),
        (Structure([1], [[0.0] * 3], [[1, 0, 0], [0, 0, 0], [0, 0, 1]], True), "`cell` must span"),
    ],
)
def test_what_has_no_frame(structure: Structure, message: str) -> None:
    """Structures without atoms or volume are refused, and numbers that are none."""
    with pytest.raises(InputError) as caught:
        Frame.of(structure)
    assert str(caught.value).startswith(message)


def test_too_many_images() -> None:
    """Rather than fill the memory, millions of images are refused."""
    structure = crystal()
    with pytest.raises(InputError, match="images of atoms matter"):
        images(structure, Frame.of(structure), 1000.0)


def _sorted(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return points[np.lexsort(np.round(points, 6).T)]
