"""The table of symbols."""

from __future__ import annotations

import pytest
from ase.data import chemical_symbols
from ase.formula import Formula

from atomlens.client import InternalError
from atomlens.client.elements import NUMBERS, SYMBOLS, formula, symbol_of


def test_symbols() -> None:
    """Symbols are those of ASE, in the order of atomic numbers."""
    assert list(SYMBOLS) == chemical_symbols
    assert all(SYMBOLS[number] == symbol for symbol, number in NUMBERS.items())


@pytest.mark.parametrize("symbols", ["OHH", "CHHHOH", "NaCl", "HHO", "CCl", "BrHHHC"])
def test_formula(symbols: str) -> None:
    """Formulas are Hill's."""
    atoms = list(Formula(symbols))
    assert formula(NUMBERS[symbol] for symbol in atoms) == Formula(symbols).format("hill")


def test_symbols_of_what_a_server_tells() -> None:
    """A number that no element has is its fault."""
    assert symbol_of(8) == "O"
    for number in (-1, 119):
        with pytest.raises(InternalError, match=f"element {number}, which there is not"):
            symbol_of(number)
