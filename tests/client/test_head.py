"""Heads: what they hold does not change."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from atomlens.client import Explanation, Head
from atomlens.client.head import Heads


def test_arrays() -> None:
    """A head shows arrays that cannot be written to and leaves the caller's as they were."""
    values = np.ones(3)
    head = Head("energy", "sum", "eV", "eV", 3.0, values)
    with pytest.raises(ValueError, match="read-only"):
        head.contributions[0] = 2.0
    assert values.flags.writeable


def test_names(energy: Explanation, charge: Explanation) -> None:
    """The well-known heads have well-known names for property and contributions, others their own."""
    known = [*energy.heads.values(), *charge.heads.values(), Head("gap", "mean", "eV", "eV", 1.0, np.ones(1))]
    assert [head.property_name for head in known] == ["energy", "dipole_magnitude", "gap"]
    assert [head.plural for head in known] == ["energies", "charges", "gap"]


def test_mapping(energy: Explanation) -> None:
    """Heads are a mapping in the order of their models, apart from the one they were made of."""
    source = dict(energy.heads)
    heads = Heads(source)
    source.clear()
    assert list(heads) == ["energy"]
    assert heads["energy"] is energy.heads["energy"]
    assert heads.get("charge") is None
    assert list(pickle.loads(pickle.dumps(heads))) == ["energy"]
