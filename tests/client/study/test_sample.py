"""`atomlens.client.study.sample`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from atomlens.client.errors import InputError
from atomlens.client.study.sample import take_samples

from .conftest import SMILES, arrays, embedded, table


def test_the_test_part_is_taken_with_its_fields(tmp_path: Path) -> None:
    """Fields of structures and of atoms follow the structures that were taken."""
    fields = arrays()
    (sample,) = take_samples([table(tmp_path / "a.npz", fields)], 100)
    taken = np.flatnonzero(fields["split"] == 2)
    atoms = np.repeat(fields["split"] == 2, fields["n_atoms"])
    assert [len(one) for one in sample.structures] == fields["n_atoms"][taken].tolist()
    assert sample.structures[0].id == f"a.npz@{taken[0]}"
    np.testing.assert_array_equal(sample.numbers, fields["numbers"][atoms])
    np.testing.assert_array_equal(sample.fields["mulliken_e"], fields["mulliken_e"][atoms])
    np.testing.assert_array_equal(sample.fields["dipole_eA"], fields["dipole_eA"][taken])
    assert sample.part == "the test part"
    assert sample.is_molecular


def test_a_file_without_split_is_taken_whole(tmp_path: Path) -> None:
    """Nothing is known then of what was trained on."""
    fields = arrays()
    del fields["split"]
    (sample,) = take_samples([table(tmp_path / "a.npz", fields)], 100)
    assert len(sample.structures) == len(SMILES)
    assert sample.trained is None


def test_another_file_tells_what_was_trained_on(tmp_path: Path) -> None:
    """Identities are looked up; a structure that no file knows counts as trained on."""
    known, asked = arrays(), arrays(SMILES[::-1])
    del asked["split"]
    asked["qm9_index"] = known["qm9_index"][::-1].copy()
    asked["qm9_index"][0] = 999
    tables = [table(tmp_path / "known.npz", known), table(tmp_path / "asked.npz", asked)]
    trained = take_samples(tables, 100)[1].trained
    assert trained is not None
    expected = (known["split"] == 0)[::-1].copy()
    expected[0] = True
    np.testing.assert_array_equal(trained, expected)


def test_a_limit_takes_structures_from_all_over_the_file(tmp_path: Path) -> None:
    """The sample says how much of the file it is."""
    fields = arrays()
    del fields["split"]
    (sample,) = take_samples([table(tmp_path / "a.npz", fields)], 3)
    assert [one.id for one in sample.structures] == ["a.npz@0", "a.npz@5", "a.npz@11"]
    assert sample.part == "3 structures of all structures"


def test_fields_are_told_apart_by_their_length(tmp_path: Path) -> None:
    """A field of structures is none of atoms, and the other way round."""
    (sample,) = take_samples([table(tmp_path / "a.npz", arrays())], 100)
    assert sample.per_atom("u0_eV") is None
    assert sample.per_structure("mulliken_e") is None
    assert sample.per_atom("mulliken_e") is not None
    assert sample.per_structure("dipole_eA") is not None
    assert sample.per_structure("missing") is None
    assert sample.owners.tolist() == np.repeat(np.arange(len(sample.counts)), sample.counts).tolist()


def test_crystals_keep_their_cells(tmp_path: Path) -> None:
    """A file with cells is periodic, and no sample of molecules."""
    fields = arrays(SMILES[-3:])
    fields["cell_A"] = np.tile(9.0 * np.eye(3), (3, 1, 1))
    (sample,) = take_samples([table(tmp_path / "a.npz", fields)], 100)
    assert not sample.is_molecular
    cell = sample.structures[0].cell
    assert cell is not None
    np.testing.assert_array_equal(cell, 9.0 * np.eye(3))
    assert len(embedded(SMILES[-1])) == len(sample.structures[-1])


def test_ions_stay_ions(tmp_path: Path) -> None:
    """Charge and multiplicity of the file are asked about, not those of a neutral molecule."""
    fields = arrays()
    fields["charge"] = np.where(fields["split"] == 2, -1.0, 0.0)
    fields["spin"] = np.full(len(SMILES), 2)
    (sample,) = take_samples([table(tmp_path / "a.npz", fields)], 100)
    assert {(one.charge, one.spin) for one in sample.structures} == {(-1.0, 2)}


def test_a_split_without_a_test_part_is_refused(tmp_path: Path) -> None:
    """There is nothing to study that was not trained on."""
    fields = arrays()
    fields["split"] = np.zeros(len(SMILES), np.int64)
    with pytest.raises(InputError, match=r"`split` must have a test part to study, that of a\.npz has none"):
        take_samples([table(tmp_path / "a.npz", fields)], 100)


@pytest.mark.parametrize("shape", [(len(SMILES), 1), (-1,)], ids=["table", "atoms"])
def test_identities_are_one_for_each_structure(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """A field of another shape tells no structures apart, whatever its name is."""
    known, asked = arrays(), arrays()
    del asked["split"]
    rows = len(asked["numbers"]) if shape == (-1,) else len(SMILES)
    asked["qm9_index"] = np.arange(rows).reshape(shape)
    tables = [table(tmp_path / "known.npz", known), table(tmp_path / "asked.npz", asked)]
    assert take_samples(tables, 100)[1].trained is None


def test_what_is_no_row_of_numbers_is_passed_over(tmp_path: Path) -> None:
    """A number for the whole file is no field, and text is nothing to compare with."""
    fields = arrays()
    fields["units"] = np.array("eV")
    fields["name_e"] = fields["mulliken_e"].astype(str)
    (sample,) = take_samples([table(tmp_path / "a.npz", fields)], 100)
    assert "units" not in sample.fields
    assert sample.per_atom("name_e") is None


def test_positions_in_another_unit_are_refused(tmp_path: Path) -> None:
    """When the file says so itself."""
    in_bohr = table(tmp_path / "a.npz", arrays() | {"length_unit": np.array("Bohr")})
    with pytest.raises(ValueError, match="`positions` must be in Å, `length_unit` says Bohr"):
        take_samples([in_bohr], 100)


def test_charge_and_spin_go_by_several_names(tmp_path: Path) -> None:
    """What the file calls total charge and multiplicity is what the structures have."""
    fields = arrays() | {"total_charge": np.full(12, 1.0), "multiplicity": np.full(12, 2)}
    (sample,) = take_samples([table(tmp_path / "a.npz", fields)], 100)
    assert {(one.charge, one.spin) for one in sample.structures} == {(1.0, 2)}
