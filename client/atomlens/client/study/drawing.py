"""Drawing: molecules as chemists draw them, as inline SVG."""

from __future__ import annotations

from collections.abc import Collection
from html import escape
from typing import Any

from rdkit import Chem, rdBase
from rdkit.Chem import rdDepictor
from rdkit.Chem.Draw import rdMolDraw2D

SIZE = (220, 190)  # pixels
HIGHLIGHT = (0.68, 0.86, 0.96)  # red, green and blue of a light sky blue
LEGEND_SIZE = 15
CHOSEN = "chosen"  # property of atoms to highlight: it outlives the renumbering


def draw(molecule: Chem.Mol, highlighted: Collection[int], legend: str) -> str:
    """Return an `<svg>` element with the molecule's formula, some atoms and the bonds between them in colour.

    Hydrogens are drawn with the atom that they are on, unless they are highlighted themselves. The element
    has no ids, so that any number of drawings fit into a page.

    Args:
        molecule: with every hydrogen as an atom.
        highlighted: atoms of ``molecule``.
        legend: text below the drawing.
    """
    flat = _flat(molecule, highlighted)
    atoms = [atom.GetIdx() for atom in flat.GetAtoms() if atom.HasProp(CHOSEN)]
    ends = ((bond.GetIdx(), {bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()}) for bond in flat.GetBonds())
    bonds = [bond for bond, pair in ends if pair <= set(atoms)]
    canvas = _canvas()
    rdMolDraw2D.PrepareAndDrawMolecule(
        canvas, flat, legend=legend, highlightAtoms=atoms, highlightBonds=bonds, kekulize=True
    )
    canvas.FinishDrawing()
    return _inline(canvas.GetDrawingText(), legend)


def smiles(molecule: Chem.Mol) -> str:
    """Return the canonical SMILES without explicit hydrogens."""
    with rdBase.BlockLogs():
        return str(Chem.MolToSmiles(Chem.RemoveHs(molecule)))


def _flat(molecule: Chem.Mol, highlighted: Collection[int]) -> Chem.Mol:
    """Return a copy with positions in a plane, the atoms to highlight marked by a property."""
    marked = Chem.Mol(molecule)
    for atom in highlighted:
        marked.GetAtomWithIdx(int(atom)).SetProp(CHOSEN, "")
    with rdBase.BlockLogs():
        flat = Chem.RemoveHs(marked)
        rdDepictor.Compute2DCoords(flat)
    return flat


def _canvas() -> rdMolDraw2D.MolDraw2DSVG:
    canvas = rdMolDraw2D.MolDraw2DSVG(*SIZE)
    options: Any = canvas.drawOptions()
    options.clearBackground = False
    options.legendFontSize = LEGEND_SIZE
    options.setHighlightColour(HIGHLIGHT)
    return canvas


def _inline(text: str, legend: str) -> str:
    """Return the element alone, with the legend for those who cannot see it: letters are drawn as paths."""
    element = text[text.index("<svg") + len("<svg") :].strip()
    return f"<svg role='img' aria-label='{escape(legend)}' {element}"
