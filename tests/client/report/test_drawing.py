"""What of a structure is drawn."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from atomlens.client import Structure
from atomlens.client.report.drawing import Drawing, color, radii

from .conftest import BENZENE, SALT, WATER


def test_bonds_of_molecules() -> None:
    """Bonded are neighbours, and nobody else."""
    assert Drawing.of(WATER).bonds.tolist() == [[0, 1], [0, 2]]
    ring = [{atom, (atom + 1) % 6} for atom in range(6)]
    hydrogens = [{atom, atom + 6} for atom in range(6)]
    found = [set(bond) for bond in Drawing.of(BENZENE).bonds.tolist()]
    assert len(found) == 12
    assert all(bond in found for bond in ring + hydrogens)


def test_bonds_against_the_study() -> None:
    """On molecules of many kinds the bonds are those that RDKit perceives."""
    from ase.collections import g2

    from atomlens.client.study.perception import Unperceived, perceive

    for name in ("CH3CH2OH", "C6H6", "CH3CONH2", "bicyclobutane", "HCOOH", "CH3CN", "C5H5N"):
        structure = Structure.of(g2[name])
        molecule = perceive(structure)
        assert not isinstance(molecule, Unperceived)
        expected = {
            tuple(sorted((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()))) for bond in molecule.GetBonds()
        }
        assert {tuple(bond) for bond in Drawing.of(structure).bonds.tolist()} == expected, name


def test_atoms_on_faces_of_a_cell() -> None:
    """An atom on a corner of a cell is drawn on all eight, one inside once; the cell has twelve edges."""
    cube = Structure([17, 11], [[0.0] * 3, [1.5] * 3], 3.0 * np.eye(3), True)
    drawing = Drawing.of(cube)
    assert np.bincount(drawing.atoms).tolist() == [8, 1]
    assert {tuple(corner) for corner in drawing.positions[drawing.atoms == 0].tolist()} == {
        (x, y, z) for x in (0.0, 3.0) for y in (0.0, 3.0) for z in (0.0, 3.0)
    }
    assert drawing.edges.shape == (12, 2, 3)
    assert len(drawing.bonds) == 8
    np.testing.assert_allclose(np.linalg.norm(np.diff(drawing.edges, axis=1), axis=2), 3.0)


def test_edges_of_what_repeats() -> None:
    """A slab has the four edges of one face, a molecule none."""
    slab = Structure([6], [[0.0] * 3], np.diag([2.0, 3.0, 9.0]), (True, True, False))
    lengths = np.linalg.norm(np.diff(Drawing.of(slab).edges, axis=1), axis=(1, 2))
    assert sorted(lengths.tolist()) == [2.0, 2.0, 3.0, 3.0]
    assert Drawing.of(WATER).edges.shape == (0, 2, 3)


@pytest.mark.parametrize(
    "structure",
    [WATER, BENZENE, SALT, Structure([2], [[0.0] * 3]), Structure([1, 1], [[0.0] * 3, [0.3, 0.4, 0.6]])],
    ids=lambda one: one.formula,
)
def test_the_view_is_a_rotation(structure: Structure) -> None:
    """Its vectors are of length 1, normal to each other and right-handed."""
    view = Drawing.of(structure).view
    np.testing.assert_allclose(view @ view.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(view) == pytest.approx(1.0)


def test_flat_molecules_face_the_reader() -> None:
    """The plane of benzene is that of the picture."""
    np.testing.assert_allclose(np.abs(Drawing.of(BENZENE).view[2]), [0.0, 0.0, 1.0], atol=1e-9)


def test_long_molecules_lie() -> None:
    """The longest axis of a molecule leads to the right and the next one upwards, as its SVD has them."""
    places = np.random.default_rng(0).normal(size=(30, 3)) * [1.0, 9.0, 4.0]
    drawn = Drawing.of(Structure([6] * 30, places)).view
    axes = np.linalg.svd(places - places.mean(axis=0))[2]
    largest = np.abs(axes).argmax(axis=1)
    signs = np.sign(axes[np.arange(3), largest])
    np.testing.assert_allclose(drawn[:2], (axes * signs[:, None])[:2], atol=1e-12)
    np.testing.assert_allclose(drawn[2], np.cross(drawn[0], drawn[1]), atol=1e-12)


def test_memory_grows_with_the_atoms() -> None:
    """No array holds every pair of thousands of atoms."""
    places = 6.0 * np.indices((15, 15, 15)).reshape(3, -1).T
    structure = Structure([6] * len(places), places * [1.0, 1.1, 1.2])
    tracemalloc.start()
    Drawing.of(structure)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 8 * len(places) ** 2 / 10


def test_every_element_has_a_look() -> None:
    """Each of the periodic table has a radius, and a colour that a page can read."""
    from atomlens.client.elements import NUMBERS

    assert (radii(np.arange(1, 119, dtype=np.uint8)) > 0).all()
    colors = [color(symbol) for symbol in NUMBERS]
    assert all(len(one) == 7 and int(one[1:], 16) >= 0 for one in colors)
