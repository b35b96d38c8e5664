"""Explanations as people read them."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.client import Explanation, Structure, combine
from atomlens.client.table import CAVEAT, number

from .conftest import energy_explanation, extent_explanation, formation_explanation

EXPECTED = """\
water.xyz@0  H2O  3 atoms

atom         x       y       z  learned  free atom   energy
             Å       Å       Å       eV         eV       eV
───────────────────────────────────────────────────────────
   0  O  0.000   0.000   0.100  -1.0000    80.0000  79.0000
   1  H  0.000   0.800  -0.500  -2.0000    10.0000   8.0000
   2  H  0.000  -0.800  -0.500  -3.0000    10.0000   7.0000
───────────────────────────────────────────────────────────
 sum                            -6.0000   100.0000  94.0000

energy: 94.0000 eV, the sum of the contributions
warning: close
models: e@2 (abababababab)
The split into atoms is the model's choice: learned, not unique. Only the total is observable."""


SALT = """\
NaCl.cif@0  ClNa  2 atoms  periodic

atom          x      y      z  formation energy
              Å      Å      Å                eV
───────────────────────────────────────────────
   0  Na  0.000  0.000  0.000           -1.0000
   1  Cl  2.800  0.000  0.000           -2.0000
───────────────────────────────────────────────
mean                                    -1.5000

formation energy: -1.5000 eV/atom, the mean of the contributions
models: f@3 (010101010101)
The split into atoms is the model's choice: learned, not unique. Only the total is observable."""


def test_text(energy: Explanation) -> None:
    """Atoms, their sums, the property, warnings, the model and the caveat are there to read."""
    assert str(energy) == EXPECTED


def test_dipole(charge: Explanation) -> None:
    """A dipole is told with its vector."""
    assert "vector (0.0000, " in str(charge)
    assert "about the centre of mass" in str(charge)


def test_mean() -> None:
    """A mean is told as one and stands below its contributions; offsets that are all zero are left out."""
    assert str(formation_explanation()) == SALT
    assert str(formation_explanation().in_energy_unit("meV")).count("-1500.0") == 2
    assert "formation energy: -1500.0 meV/atom" in str(formation_explanation().in_energy_unit("meV"))
    with_offset = str(formation_explanation(offset=0.5))
    assert "formation energy model  formation energy offset  formation energy" in with_offset


def test_extent() -> None:
    """A spatial extent is told with what its contributions are: electrons."""
    lines = str(extent_explanation()).split("\n")
    assert lines[2].endswith("  electrons")
    assert lines[3].split() == ["Å", "Å", "Å"]
    assert [line.split()[-1] for line in lines[5:8]] == ["8.0000", "1.0000", "1.0000"]
    assert lines[9].split() == ["sum", "10.0000"]
    words = "the sum of electrons times squared distance from the centre of mass"
    assert lines[11] == f"extent: {extent_explanation().properties['extent']:.4f} Å², {words}"


def test_sums_and_means(energy: Explanation) -> None:
    """Where some quantities add up and others average, there is a row for each."""
    water = formation_explanation(energy.structure)
    lines = str(combine([energy, water])).split("\n")
    assert lines[9].split() == ["sum", "-6.0000", "100.0000", "94.0000"]
    assert lines[10].split() == ["mean", "-2.0000"]
    assert len(lines[10]) == len(lines[2])
    assert combine([energy, water])._repr_html_().count("<tr>") == 6


@pytest.mark.parametrize(
    ("pbc", "words"),
    [(True, "2 atoms  periodic\n"), ([True, False, True], "periodic along a and c\n"), (False, "2 atoms\n")],
)
def test_periodic(pbc: bool | list[bool], words: str) -> None:
    """The title says what repeats."""
    assert words in str(energy_explanation(Structure([6, 6], np.eye(3)[:2], 9 * np.eye(3), pbc)))


def test_long() -> None:
    """A long table says how many atoms it leaves out; the sums are of all."""
    text = str(energy_explanation(Structure(np.ones(100, np.int64), np.zeros((100, 3)))))
    assert "… and 40 more atoms" in text
    assert f"{1000 - 5050:.4f}" in text


def test_html(energy: Explanation, charge: Explanation) -> None:
    """A notebook shows the same, and what users wrote is text there, not markup."""
    both = combine([energy, charge])
    html = both._repr_html_()
    assert html.count("<tr>") == 5
    assert "79.0000" in html
    assert CAVEAT.replace("'", "&#x27;") in html
    named = energy_explanation(energy.structure.named("<script>"))
    assert "<script>" not in named._repr_html_()


def test_zero_is_positive() -> None:
    """A sum that rounds to zero has no sign."""
    assert number(-1e-9, "e") == "0.0000"


def test_digits() -> None:
    """A unit has its digits per atom too."""
    assert [number(1.23456, unit) for unit in ("kcal/mol", "kcal/mol/atom", "meV/atom", "Ha/atom", "Å²")] == [
        *("1.23", "1.23", "1.2", "1.234560", "1.2346")
    ]
