"""`atomlens.export.units`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import molecule
from ase.io import write

from atomlens.export.dataset import DataError
from atomlens.export.readers import read_dataset
from atomlens.export.table import read_table
from atomlens.export.units import bare_name, canonical, require_angstrom, stated_units, unit_factor


@pytest.mark.parametrize(
    ("label", "given", "unit", "factor"),
    [
        ("u0_eV", None, "eV", 1.0),
        ("u0_eV", "ev", "eV", 1.0),
        ("e", "hartree", "eV", 27.2114),
        ("e_kcal_mol", None, "eV", 0.0433641),
        ("gap_meV", None, "eV", 1e-3),
        ("formation_energy_eV_per_atom", None, "eV/atom", 1.0),
        ("mu_D", "Debye", "e·Å", 0.208194),
        ("mu", "eA", "e·Å", 1.0),
        ("r2_Bohr2", None, "Å²", 0.2800285),
    ],
)
def test_a_unit_is_known_from_name_or_option(label: str, given: str | None, unit: str, factor: float) -> None:
    """Both may say it, in the spelling of either."""
    found_unit, found_factor = unit_factor(label, ("eV", "eV/atom", "e·Å", "Å²"), given)
    assert found_unit == unit
    assert found_factor == pytest.approx(factor, rel=1e-5)


def test_a_name_and_an_option_that_disagree_are_refused() -> None:
    """Neither is believed; a unit of other labels is refused too."""
    with pytest.raises(
        DataError, match="`u0_eV` must have one unit: it is eV by its name and Ha by --label-unit"
    ):
        unit_factor("u0_eV", ("eV",), "Ha")
    with pytest.raises(DataError, match="`mu_D` is in D, which is no unit of a label in eV"):
        unit_factor("mu_D", ("eV",), None)
    with pytest.raises(DataError, match="`u0` is in furlong, which is no unit"):
        unit_factor("u0", ("eV",), "furlong")


def test_names_and_spellings() -> None:
    """A label without its unit is what a head is named after."""
    assert [bare_name(name) for name in ("gap_eV", "e_kcal_mol", "gap")] == ["gap", "e", "gap"]
    assert [canonical(unit) for unit in ("EV", "Hartree", " a.u. ", "parsec")] == ["eV", "Ha", "au", "parsec"]


def frames(tmp_path: Path, label: str, *beside: dict[str, str]) -> Path:
    """Write a molecule with an energy for each of what stands beside it."""
    made = []
    for index, words in enumerate(beside):
        atoms = molecule("H2O")  # type: ignore[no-untyped-call]
        atoms.info.update({label: -2000.0 - index, "split": min(max(index - len(beside) + 3, 0), 2), **words})
        made.append(atoms)
    write(tmp_path / "frames.xyz", made, format="extxyz")
    return tmp_path / "frames.xyz"


@pytest.mark.parametrize("field", ["units", "unit", "energy_unit", "energy_units", "u_unit", "u_units"])
def test_units_that_differ_between_structures_are_refused(tmp_path: Path, field: str) -> None:
    """Both units and the first structure that differs are named; a structure that says nothing is one too."""
    path = frames(tmp_path, "u", *[{field: unit} for unit in ("eV", "eV", "eV", "Ha", "Ha")])
    with pytest.raises(
        DataError, match=f"`{field}` must be the same .* eV in structure 0 and Ha in structure 3"
    ):
        read_dataset(path, "u", ("eV",), "eV", 0)
    path = frames(tmp_path, "u", {field: "eV"}, {}, {field: "eV"}, {field: "eV"})
    with pytest.raises(DataError, match=f"`{field}` is missing in structure 1"):
        read_dataset(path, "u", ("eV",), "eV", 0)


@pytest.mark.parametrize("field", ["units", "energy_unit", "u_units"])
def test_a_unit_that_all_structures_state_counts(tmp_path: Path, field: str) -> None:
    """It is taken where nothing else tells the unit, and must agree with what else does."""
    path = frames(tmp_path, "u", *[{field: "Hartree"}] * 4)
    assert read_dataset(path, "u", ("eV",), None, 0).labels[0] == pytest.approx(-2000 * 27.211386)
    assert read_dataset(path, "u", ("eV",), "Ha", 0).unit == "eV"
    with pytest.raises(
        DataError, match=f"`u` must have one unit: it is eV by --label-unit and Ha by {field}"
    ):
        read_dataset(path, "u", ("eV",), "eV", 0)
    path = frames(tmp_path, "u_eV", *[{"units": "Hartree"}] * 4)
    with pytest.raises(DataError, match="`u_eV` must have one unit: it is eV by its name and Ha by units"):
        read_dataset(path, "u_eV", ("eV",), None, 0)


def test_units_of_other_things_are_let_be(tmp_path: Path) -> None:
    """`units` may speak of lengths, or of energies where a dipole is learned."""
    path = frames(tmp_path, "u_eV", *[{"units": "angstrom", "dipole_unit": "D"}] * 4)
    assert read_dataset(path, "u_eV", ("eV",), None, 0).unit == "eV"
    assert unit_factor("mu_D", ("e·Å",), None, {"units": "eV"})[0] == "e·Å"


def test_positions_must_be_in_angstrom(tmp_path: Path) -> None:
    """A file that says otherwise is refused rather than converted."""
    require_angstrom(read_table(frames(tmp_path, "u", *[{"length_unit": "Å"}] * 3)))
    table = read_table(frames(tmp_path, "u", *[{"length_unit": "Bohr"}] * 3))
    with pytest.raises(DataError, match="`positions` must be in Å, `length_unit` says Bohr"):
        require_angstrom(table)


def test_flat_files_may_state_units_too(tmp_path: Path) -> None:
    """Once, or for each structure."""
    fields: dict[str, Any] = {"n_atoms": [1, 1], "numbers": [1, 1], "positions": np.zeros((2, 3))}
    for stated in ("Ha", ["Ha", "Ha"]):
        np.savez(tmp_path / "flat.npz", **fields, energy_unit=stated)
        assert stated_units(read_table(tmp_path / "flat.npz"), "u", ("eV",)) == {"energy_unit": "Ha"}
    np.savez(tmp_path / "flat.npz", **fields, energy_unit=["Ha", "eV"])
    with pytest.raises(DataError, match="Ha in structure 0 and eV in structure 1"):
        stated_units(read_table(tmp_path / "flat.npz"), "u", ("eV",))
