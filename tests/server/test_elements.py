"""`atomlens.server.elements`."""

from __future__ import annotations

from ase.data import chemical_symbols

from atomlens.server.elements import SYMBOLS


def test_symbols_are_those_of_ase() -> None:
    """All 118, by atomic number."""
    assert list(SYMBOLS) == chemical_symbols[:119]
