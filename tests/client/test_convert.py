"""Explanations as JSON, ase.Atoms and pandas tables."""

from __future__ import annotations

import io
import json

import ase.io
import numpy as np

from atomlens.client import Explanation, Structure, combine


def test_to_dict(energy: Explanation, charge: Explanation) -> None:
    """The keys are the attributes' names, and JSON holds every value exactly."""
    both = combine([energy, charge])
    document = json.loads(json.dumps(both.to_dict(), allow_nan=False))
    assert document["id"] == "water.xyz@0"
    assert document["cell"] is None
    assert document["pbc"] == [False, False, False]
    for name in (
        "numbers",
        "positions",
        "energy",
        "energies",
        "energies_model",
        "charges_raw",
        "dipole_origin",
    ):
        assert document[name] == np.asarray(getattr(both, name)).tolist()
    assert document["properties"] == both.properties
    assert document["models"][0] == {"name": "e", "version": 2, "digest": "ab" * 32, "provider": "cpu"}
    assert document["warnings"] == ["close", "big"]
    assert document["units"] == both.units


def test_missing_heads(energy: Explanation) -> None:
    """What no model has is null, under the same keys."""
    document = energy.to_dict()
    assert document["charges"] is None
    assert document["dipole"] is None


def test_to_ase(energy: Explanation, charge: Explanation) -> None:
    """ASE finds results where it looks for them and the rest in arrays and info."""
    both = combine([energy, charge])
    atoms = both.to_ase()
    assert atoms.get_potential_energy() == both.energy  # type: ignore[no-untyped-call]
    np.testing.assert_array_equal(atoms.get_charges(), both.contributions["charge"])  # type: ignore[no-untyped-call]
    np.testing.assert_array_equal(atoms.get_dipole_moment(), both.heads["charge"].vector)  # type: ignore
    np.testing.assert_array_equal(atoms.arrays["energies_model"], both.energies_model)
    assert atoms.info["models"] == "e q"
    assert Structure.of(atoms).charge == 0.0


def test_ase_energies_are_in_ev(energy: Explanation) -> None:
    """ASE has energies in eV, and so has all that it is given, whatever unit people read."""
    atoms = energy.in_energy_unit("kcal/mol").to_ase()
    assert atoms.calc is not None
    assert set(atoms.calc.results) == {"energy", "energies"}
    for name, value in (atoms.calc.results | {"energies_model": atoms.arrays["energies_model"]}).items():
        np.testing.assert_allclose(value, getattr(energy, name), rtol=1e-14)
    assert json.loads(atoms.info["units"]) == energy.units


def test_through_a_file(energy: Explanation, charge: Explanation) -> None:
    """Written as extended XYZ and read again, results and models are still there."""
    both = combine([energy, charge])
    stream = io.StringIO()
    ase.io.write(stream, both.to_ase(), format="extxyz")
    stream.seek(0)
    atoms = ase.io.read(stream, format="extxyz")
    assert isinstance(atoms, ase.Atoms)
    results = atoms.calc.results
    assert results["energy"] == both.energy
    np.testing.assert_allclose(results["charges"], both.contributions["charge"], atol=1e-8)
    np.testing.assert_allclose(atoms.arrays["energies_model"], [-1.0, -2.0, -3.0], atol=1e-8)
    assert atoms.info["digests"].split() == ["ab" * 32, "cd" * 32]


def test_to_pandas(energy: Explanation) -> None:
    """There is a row for each atom, and units are beside the table."""
    table = energy.to_pandas()
    assert table.element.tolist() == ["O", "H", "H"]
    assert table.energies.sum() == energy.energy
    assert table.z.tolist() == energy.positions[:, 2].tolist()
    assert table.attrs["units"]["energies"] == "eV"
