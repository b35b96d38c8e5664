"""The maps of benzene."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.client import Client, InputError
from atomlens.client.study.maps import benzene, map_expectation


def test_benzene_is_symmetric() -> None:
    """Each of the three coordinates may change its sign, and C-C and C-H bonds have their lengths."""
    molecule = benzene()
    for axis in range(3):
        mirrored = molecule.positions * np.where(np.arange(3) == axis, -1.0, 1.0)
        distances = np.linalg.norm(mirrored[:, None] - molecule.positions, axis=2)
        assert distances.min(axis=1).max() < 1e-12
        assert (molecule.numbers[distances.argmin(axis=1)] == molecule.numbers).all()
    between = np.linalg.norm(molecule.positions[:, None] - molecule.positions, axis=2)
    assert np.sort(between[0])[1:4] == pytest.approx([1.084, 1.397, 1.397])


@pytest.mark.parametrize("model", ["toy-schnet-energy", "toy-bpnn-dipole"])
def test_what_any_network_must_show(local: Client, model: str) -> None:
    """Whatever its weights, a network gives mirror images one value; the row says what was measured."""
    row = map_expectation(local, model)
    assert row.numbers["mirrored"] < 1e-3
    assert row.numbers["different"] > 0
    assert row.holds in (True, False)
    assert {"H at 2.375 Å", "O at 4.625 Å"} < set(row.numbers)
    assert "mirror images within" in row.measured


def test_models_that_do_not_know_benzene(local: Client) -> None:
    """A model of other elements refuses, by which the study tells why it left the row out."""
    with pytest.raises(InputError, match="does not know element"):
        map_expectation(local, "toy-schnet-formation")
