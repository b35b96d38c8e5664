"""`atomlens.client.probe.cube_file`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase.units
import numpy as np
import pytest
from ase.io.cube import read_cube

from atomlens.client.probe import ProbeMap
from atomlens.client.probe.cube_file import BOHR_ANGSTROM

from .conftest import CELL, COUNTS, CRYSTAL, SKEWED, WATER, probe_map

FROM_ASE = BOHR_ANGSTROM / ase.units.Bohr  # whose Bohr is that of 2014


def written(found: ProbeMap, path: Path) -> dict[str, Any]:
    """Return what ASE reads of a map of one field."""
    (path,) = found.write(path / "out.cube")
    with path.open() as stream:
        content: dict[str, Any] = read_cube(stream)  # type: ignore[no-untyped-call]
    return content


@pytest.mark.parametrize(
    "found", [probe_map(elements="H"), probe_map(SKEWED, CRYSTAL, elements="H")], ids=["molecule", "crystal"]
)
def test_another_program_reads_the_same(found: ProbeMap, tmp_path: Path) -> None:
    """ASE finds the atoms, the grid in Bohr, and every value bit by bit."""
    content = written(found, tmp_path)
    structure, grid = found.structure, found.grid
    assert content["atoms"].numbers.tolist() == structure.numbers.tolist()
    for mine, theirs in (
        (structure.positions, content["atoms"].positions),
        (grid.origin, content["origin"]),
        (grid.axes, content["spacing"]),
        (grid.axes * np.array(COUNTS)[:, None], np.array(content["atoms"].cell)),
    ):
        np.testing.assert_allclose(theirs * FROM_ASE, mine, rtol=0, atol=2e-11)
    np.testing.assert_array_equal(content["data"].astype(np.float32), found.values[0])


def test_a_periodic_map_closes_on_the_cell(tmp_path: Path) -> None:
    """Counts times steps are the lattice vectors, so that no plane comes twice."""
    content = written(probe_map(SKEWED, CRYSTAL, elements="H"), tmp_path)
    cell = np.array(content["atoms"].cell) * FROM_ASE
    np.testing.assert_allclose(cell, CELL, rtol=0, atol=2e-11)


def test_lines(tmp_path: Path) -> None:
    """Counts are positive, lines hold six values at most, and each row along z begins one."""
    (path,) = probe_map(elements="H").write(tmp_path / "out.cube")
    lines = path.read_text(encoding="ascii").splitlines()
    assert [line.split()[0] for line in lines[2:9]] == ["3", "5", "6", "7", "8", "1", "1"]
    assert lines[6].split()[1] == "8.000000000000"
    assert [len(line.split()) for line in lines[9:]] == [6, 1] * 30


def test_comments(tmp_path: Path) -> None:
    """They tell what the numbers are, their unit, the model and its digest, in ASCII."""
    found = probe_map(heads=("charge",), structure=WATER.named("w\n\nä")).difference("H", "C")
    (path,) = found.write(tmp_path / "out.cube")
    lines = path.read_bytes().decode("ascii").splitlines()
    assert lines[:2] == [
        f"AtomLens probe map of w ?: H-C of charge in e ({found.flagged[0]} of 210 points extrapolate)",
        f"model m@2 digest {'ab' * 32}",
    ]
