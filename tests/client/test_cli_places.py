"""Where the probes of a command sit."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from atomlens.client import InputError
from atomlens.client.cli import places
from atomlens.client.report import Surface, mesh

from .conftest import WATER


def parsed(*words: str) -> argparse.Namespace:
    """Return what a command line says of places."""
    parser = argparse.ArgumentParser()
    places.add_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ([], "a grid"),
        (["--margin", "1", "--spacing", "0.3"], "a grid"),
        (["--surface", "distance:2", "--spacing", "0.3"], "a surface"),
        (["--points", "p.txt"], "a list of points"),
    ],
)
def test_kinds(words: list[str], kind: str) -> None:
    """Arguments say on what probes sit."""
    assert places.kind_of(parsed(*words)) == kind


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--surface", "distance:2", "--points", "p.txt"], "must not be given together"),
        (["--surface", "distance:2", "--margin", "1"], "`--margin` is for grids, leave it out for a surface"),
        (
            ["--points", "p.txt", "--margin", "1"],
            "`--margin` is for grids, leave it out for a list of points",
        ),
        (["--points", "p.txt", "--spacing", "1"], "`--spacing` is for grids and surfaces"),
    ],
)
def test_what_does_not_belong_together(words: list[str], message: str) -> None:
    """What would have no effect is refused."""
    with pytest.raises(InputError, match=message):
        places.kind_of(parsed(*words))


def test_arguments(tmp_path: Path) -> None:
    """What is not said is as `Client.probe` has it; points are those of the file."""
    assert places.points_or_grid(parsed()) == {"spacing": 0.2, "margin": 3.0}
    assert places.points_or_grid(parsed("--margin", "0")) == {"spacing": 0.2, "margin": 0.0}
    path = tmp_path / "p.txt"
    path.write_text("1 2 3\n")
    assert places.points_or_grid(parsed("--points", str(path)))["points"].tolist() == [[1.0, 2.0, 3.0]]


@pytest.mark.parametrize(
    ("distance", "spacing", "found"), [(2.0, None, 0.25), (0.4, None, 0.1), (2.0, 0.5, 0.5)]
)
def test_how_fine_a_surface_is(distance: float, spacing: float | None, found: float) -> None:
    """As fine as was said, else as its distance needs, and no coarser than surfaces usually are."""
    surface = Surface(distance)
    vertices = places.surface_mesh(WATER, surface, spacing).vertices
    np.testing.assert_array_equal(vertices, mesh(WATER, surface, found).vertices)
