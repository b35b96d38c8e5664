"""Drawings of molecules as parts of a page."""

from __future__ import annotations

from xml.etree import ElementTree

from rdkit import Chem

from atomlens.client.study.drawing import SIZE, draw, smiles
from atomlens.client.study.perception import perceive

from .conftest import embedded


def drawn(source: str, highlighted: range, legend: str) -> ElementTree.Element:
    """Return the parsed drawing of a molecule."""
    molecule = perceive(embedded(source))
    assert isinstance(molecule, Chem.Mol)
    text = draw(molecule, highlighted, legend)
    assert text.startswith("<svg ")
    assert text.endswith("</svg>")
    assert "&" not in text.replace("&lt;", "").replace("&#x27;", "")
    return ElementTree.fromstring(text)


def test_drawing() -> None:
    """A drawing is one element without ids or links, with the legend for those who cannot see it."""
    element = drawn("Cc1ccccc1", range(1, 7), "<−35.1 eV 'lowest'")
    assert element.attrib["aria-label"] == "<−35.1 eV 'lowest'"
    assert (element.attrib["width"], element.attrib["height"]) == (f"{SIZE[0]}px", f"{SIZE[1]}px")
    for part in element.iter():
        assert "id" not in part.attrib
        assert not any("href" in name for name in part.attrib)


def test_highlight() -> None:
    """The atoms of the ring are marked, and only those, whatever place their hydrogens have."""
    element = drawn("Cc1ccccc1", range(1, 7), "")
    marked = [part for part in element.iter() if part.tag.endswith("ellipse")]
    assert len(marked) == 6
    none = drawn("Cc1ccccc1", range(0), "")
    assert not [part for part in none.iter() if part.tag.endswith("ellipse")]


def test_molecule_stays() -> None:
    """Drawing changes nothing in the molecule, neither its positions nor what is highlighted."""
    molecule = perceive(embedded("CCO"))
    assert isinstance(molecule, Chem.Mol)
    before = Chem.MolToMolBlock(molecule)
    plain = draw(molecule, [], "")
    assert draw(molecule, [0, 1], "") != plain
    assert draw(molecule, [], "") == plain
    assert Chem.MolToMolBlock(molecule) == before


def test_smiles() -> None:
    """The SMILES has no explicit hydrogens."""
    molecule = perceive(embedded("OCC"))
    assert isinstance(molecule, Chem.Mol)
    assert smiles(molecule) == "CCO"
