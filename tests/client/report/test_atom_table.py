"""Tables of atoms."""

from __future__ import annotations

import re

import numpy as np

from atomlens.client import Explanation, Head
from atomlens.client.report.atom_table import atom_table

from .conftest import MEANS, SALT, WATER, explanation_of


def cells(row: str) -> list[str]:
    """Return the texts of a row."""
    return [re.sub("<[^>]*>", "", cell) for cell in re.split("<t[dh][^>]*>", row)[1:]]


def rows(table: str) -> list[list[str]]:
    """Return the texts of a table."""
    return [cells(row) for row in table.split("<tr>")[1:]]


def test_every_atom_and_the_sums() -> None:
    """All three energies, the deviation after what was learned, and both charges."""
    header, *atoms, sums = rows(atom_table(explanation_of(WATER), MEANS))
    assert header == [
        "atom",
        "element",
        "learnedeV",
        "vs. elementeV",
        "free atomeV",
        "energyeV",
        "raw chargee",
        "chargee",
    ]
    assert atoms[0] == ["0", "O", "-1.0000", "0.5000", "80.0000", "79.0000", "-0.2000", "-0.3000"]
    assert atoms[2] == ["2", "H", "-3.0000", "-0.7500", "10.0000", "7.0000", "0.4000", "0.3000"]
    assert sums == ["sum", "-6.0000", "0.0000", "100.0000", "94.0000", "0.3000", "0.0000"]


def test_means() -> None:
    """What averages has a mean in the place of a sum; a deviation that nobody knows is a dash."""
    values = np.array([-1.0, -3.0])
    head = Head("formation_energy", "mean", "eV", "eV/atom", -2.0, values, values, np.zeros(2))
    explanation = Explanation(SALT, {"formation_energy": head}, ())
    *_, last = rows(atom_table(explanation, ()))
    assert last == ["mean", "-2.0000 mean"]
    _, *atoms, sums = rows(atom_table(explanation_of(WATER), MEANS[:1]))
    assert [row[3] for row in atoms] == ["0.5000", "–", "–"]
    assert sums[2] == "–"
