"""Explanations as people read them."""

from __future__ import annotations

import numpy as np

from atomlens.client import Explanation, Structure, combine
from atomlens.client.table import CAVEAT, number

from .conftest import energy_explanation

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


def test_text(energy: Explanation) -> None:
    """Atoms, their sums, the property, warnings, the model and the caveat are there to read."""
    assert str(energy) == EXPECTED


def test_dipole(charge: Explanation) -> None:
    """A dipole is told with its vector."""
    assert "vector (0.0000, " in str(charge)
    assert "about the centre of mass" in str(charge)


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
