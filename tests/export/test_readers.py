"""`atomlens.export.readers`, on files that numpy and ASE wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from ase.io import write

from atomlens.export.dataset import DataError, Dataset
from atomlens.export.readers import read_dataset

COUNTS = [3, 1, 2, 2]


def arrays() -> dict[str, Any]:
    """Return the fields of a sound .npz file."""
    return {
        "n_atoms": np.array(COUNTS, np.uint8),
        "numbers": np.array([8, 1, 1, 8, 1, 8, 1, 8], np.uint8),
        "positions": np.arange(24, dtype=np.float32).reshape(8, 3),
        "u0_eV": np.array([-1.0, -2.0, -3.0, -4.0]),
        "dipole_D": np.array([1.85, 0.0, 0.1, 0.2]),
        "split": np.array([0, 0, 1, 2]),
    }


def read(tmp_path: Path, fields: dict[str, Any], label: str = "u0_eV", unit: str = "eV") -> Dataset:
    """Return the dataset of an .npz file with these fields."""
    np.savez(tmp_path / "data.npz", **fields)
    return read_dataset(tmp_path / "data.npz", label, (unit,), None, 0)


def frames() -> list[Atoms]:
    """Return four structures with energies and dipoles beside them."""
    made = []
    for index, symbols in enumerate(["OH2", "O", "HO", "HO"]):
        atoms = Atoms(symbols, positions=np.random.default_rng(index).normal(size=(COUNTS[index], 3)) * 3)
        atoms.info.update(mu_D=0.5 * index, split=[0, 0, 1, 2][index])
        atoms.calc = SinglePointCalculator(atoms, energy=-1.0 - index)  # type: ignore[no-untyped-call]
        made.append(atoms)
    return made


def test_npz_fields_become_structures(tmp_path: Path) -> None:
    """Counts, numbers, positions, labels and split come as they are."""
    data = read(tmp_path, arrays())
    np.testing.assert_array_equal(data.structures.counts, COUNTS)
    np.testing.assert_array_equal(data.structures.positions, arrays()["positions"])
    np.testing.assert_array_equal(data.labels, arrays()["u0_eV"])
    np.testing.assert_array_equal(data.split, [0, 0, 1, 2])
    assert (data.source, data.unit, data.label) == ("data.npz", "eV", "u0_eV")


def test_the_label_s_suffix_tells_its_unit(tmp_path: Path) -> None:
    """Debye become e·Å."""
    data = read(tmp_path, arrays(), "dipole_D", "e·Å")
    assert data.labels[0] == pytest.approx(1.85 / 4.80320, rel=1e-5)


def test_crystals_have_scaled_positions_and_cells(tmp_path: Path) -> None:
    """Positions = scaled @ cell, and everything repeats."""
    fields = arrays()
    cells = np.random.default_rng(0).normal(size=(4, 3, 3)) + 5 * np.eye(3)
    fields |= {"scaled_positions": fields.pop("positions") / 24, "cell_A": cells}
    data = read(tmp_path, fields)
    np.testing.assert_allclose(data.structures.positions[3], fields["scaled_positions"][3] @ cells[1])
    np.testing.assert_array_equal(data.structures.cells, cells)
    assert data.structures.pbc.all()


@pytest.mark.parametrize("field", ["n_atoms", "numbers", "positions", "u0_eV"])
def test_a_missing_field_is_named(tmp_path: Path, field: str) -> None:
    """File and field are in the message."""
    fields = arrays()
    del fields[field]
    with pytest.raises(DataError, match=rf"data\.npz: `{field}` is missing"):
        read(tmp_path, fields)


@pytest.mark.parametrize("field", ["numbers", "positions", "u0_eV", "split"])
def test_a_field_of_the_wrong_shape_is_named(tmp_path: Path, field: str) -> None:
    """What was expected and what came are in the message."""
    fields = arrays()
    fields[field] = fields[field][:-1]
    with pytest.raises(DataError, match=rf"`{field}` must be \(.*\).*, got \("):
        read(tmp_path, fields)


def test_labels_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    """NaN among the labels is found when the file is read."""
    with pytest.raises(DataError, match=r"data\.npz: `u0_eV` must be finite, row 1"):
        read(tmp_path, arrays() | {"u0_eV": np.array([0, np.nan, 0, 0])})


def test_a_split_of_unknown_parts_is_refused(tmp_path: Path) -> None:
    """There are three parts."""
    with pytest.raises(DataError, match="`split` must be 0, 1 or 2"):
        read(tmp_path, arrays() | {"split": np.array([0, 0, 1, 3])})


def test_a_label_without_unit_needs_one(tmp_path: Path) -> None:
    """The unit must be given, and be one of the label's kind."""
    with pytest.raises(DataError, match="has no unit in its name"):
        read(tmp_path, arrays() | {"energy": np.arange(4.0)}, "energy")
    with pytest.raises(DataError, match="no unit of a label in eV"):
        read(tmp_path, arrays(), "dipole_D")


@pytest.mark.parametrize("name", ["frames.extxyz", "frames.db"])
def test_ase_files_give_energies_info_and_split(tmp_path: Path, name: str) -> None:
    """Labels are found in the calculator's results and beside the structure, in files and databases."""
    path = tmp_path / name
    if path.suffix == ".db":
        with connect(path) as database:  # type: ignore[no-untyped-call]
            for atoms in frames():
                database.write(atoms, key_value_pairs=dict(atoms.info))
    else:
        write(path, frames())
    data = read_dataset(path, "energy", ("eV",), "eV", 0)
    np.testing.assert_array_equal(data.labels, [-1.0, -2.0, -3.0, -4.0])
    np.testing.assert_array_equal(data.split, [0, 0, 1, 2])
    np.testing.assert_allclose(data.structures.positions[:3], frames()[0].positions, atol=1e-7)
    dipoles = read_dataset(path, "mu_D", ("e·Å",), None, 0)
    np.testing.assert_allclose(dipoles.labels[1], 0.5 * 0.20819434)


def test_cells_of_ase_files_are_kept(tmp_path: Path) -> None:
    """Crystals stay periodic; without a split one is drawn."""
    made = []
    for index in range(4):
        atoms = bulk("MgO", "rocksalt", 4.2 + 0.1 * index)
        atoms.info["energy_eV"] = -float(index)
        made.append(atoms)
    write(tmp_path / "bulk.extxyz", made)
    data = read_dataset(tmp_path / "bulk.extxyz", "energy_eV", ("eV",), None, 0)
    np.testing.assert_allclose(data.structures.cells[2], made[2].cell.array)
    assert data.structures.pbc.all()
    assert data.sizes == {"training": 2, "validation": 1, "test": 1}


def test_a_structure_without_label_is_named(tmp_path: Path) -> None:
    """Which structure and which label are in the message."""
    made = frames()
    del made[2].info["mu_D"]
    write(tmp_path / "frames.extxyz", made)
    with pytest.raises(DataError, match=r"frames\.extxyz: `mu_D` is missing in structure 2"):
        read_dataset(tmp_path / "frames.extxyz", "mu_D", ("e·Å",), None, 0)


def test_a_label_must_be_one_number(tmp_path: Path) -> None:
    """Neither vectors nor words are labels, and one structure may not have what others have not."""
    for value in (np.zeros(3), "small"):
        made = frames()
        for atoms in made:
            atoms.info["mu_D"] = value
        write(tmp_path / "frames.extxyz", made)
        with pytest.raises(DataError, match=r"`mu_D` must be (\(4,\), got \(4, 3\)|numbers, got <U5)"):
            read_dataset(tmp_path / "frames.extxyz", "mu_D", ("e·Å",), None, 0)
    made = frames()
    made[1].info["mu_D"] = np.zeros(3)
    write(tmp_path / "frames.extxyz", made)
    with pytest.raises(DataError, match=r"`mu_D` must have one shape, got \(3,\) in structure 1"):
        read_dataset(tmp_path / "frames.extxyz", "mu_D", ("e·Å",), None, 0)


def test_a_split_may_be_given_by_name_and_must_be_complete(tmp_path: Path) -> None:
    """`training`, `validation` and `test` are 0, 1 and 2; a structure in no part is an error."""
    made = frames()
    for atoms, part in zip(made, ("training", "training", "validation", "test"), strict=True):
        atoms.info["split"] = part
    write(tmp_path / "named.extxyz", made)
    data = read_dataset(tmp_path / "named.extxyz", "energy", ("eV",), "eV", 0)
    np.testing.assert_array_equal(data.split, [0, 0, 1, 2])
    del made[1].info["split"]
    write(tmp_path / "named.extxyz", made)
    with pytest.raises(DataError, match="`split` is missing in structure 1"):
        read_dataset(tmp_path / "named.extxyz", "energy", ("eV",), "eV", 0)
    made[1].info["split"] = "holdout"
    write(tmp_path / "named.extxyz", made)
    with pytest.raises(DataError, match=r"`split` must be 0, 1 or 2, .* got 'holdout'"):
        read_dataset(tmp_path / "named.extxyz", "energy", ("eV",), "eV", 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [("charge", 1), ("charge", -0.5), ("spin", 2), ("multiplicity", 3), ("charge", np.nan)],
)
def test_ions_and_open_shells_are_refused(tmp_path: Path, field: str, value: float) -> None:
    """Charge and spin are no inputs of a model, so that such labels would be learned wrongly."""
    neutral = np.zeros(4)
    assert read(tmp_path, arrays() | {field: neutral}).structures.charges.tolist() == [0, 0, 0, 0]
    neutral[2] = value
    with pytest.raises(DataError, match=rf"data\.npz: `{field}` must be 0.* in structure 2"):
        read(tmp_path, arrays() | {field: neutral})
    made = frames()
    for atoms, one in zip(made, neutral, strict=True):
        atoms.info[field] = one
    write(tmp_path / "ions.extxyz", made)
    with pytest.raises(DataError, match=rf"ions\.extxyz: `{field}` must be 0"):
        read_dataset(tmp_path / "ions.extxyz", "energy", ("eV",), "eV", 0)


def test_partial_charges_are_no_total_charges(tmp_path: Path) -> None:
    """A field `charges` with a row for each atom says nothing of ions."""
    assert read(tmp_path, arrays() | {"charges": np.full(8, 0.3)}).labels[0] == -1.0


def test_atoms_on_one_place_are_refused(tmp_path: Path) -> None:
    """Their distance has no gradient; the whole file is looked at before training."""
    fields = arrays()
    fields["positions"][7] = fields["positions"][6]
    with pytest.raises(DataError, match=r"`positions` must not put two atoms .* 0 and 1 of structure 3"):
        read(tmp_path, fields)


@pytest.mark.parametrize("cut", [0.3, 0.9, 0.99])
@pytest.mark.parametrize("name", ["data.npz", "data.extxyz", "data.db"])
def test_truncated_files_are_refused(tmp_path: Path, name: str, cut: float) -> None:
    """A file that ends early is never taken for a smaller one; the error names it."""
    path, frame = tmp_path / name, frames()[0]
    if path.suffix == ".npz":
        np.savez(path, **arrays())
    elif path.suffix == ".db":
        with connect(path) as database:  # type: ignore[no-untyped-call]
            for _ in range(50):
                database.write(frame, key_value_pairs={"mu_D": 1.0})
    else:
        write(path, [frame])
    content = path.read_bytes()
    path.write_bytes(content[: int(cut * len(content))])
    label = "u0_eV" if path.suffix == ".npz" else "mu_D"
    with pytest.raises(DataError, match=f"{name}"):
        read_dataset(path, label, ("eV", "e·Å"), None, 0)


@pytest.mark.parametrize("name", ["data.npz", "data.extxyz", "data.db"])
def test_unreadable_files_give_one_clear_error(tmp_path: Path, name: str) -> None:
    """A missing file and one of foreign bytes are both errors of the data."""
    path = tmp_path / name
    with pytest.raises(DataError, match=f"{name}"):
        read_dataset(path, "u0_eV", ("eV",), None, 0)
    path.write_bytes(b"\x00\x01 neither one nor the other\n" * 20)
    with pytest.raises(DataError, match=f"{name}"):
        read_dataset(path, "u0_eV", ("eV",), None, 0)
