"""`atomlens.export.measure`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms

from atomlens.export.checkpoint import Checkpoint
from atomlens.export.dataset import Dataset
from atomlens.export.heads import Kind
from atomlens.export.measure import measure
from atomlens.export.model import ModelSettings
from atomlens.export.training import Trainer, TrainingSettings, without_offsets
from atomlens.export.verification import reference


def test_errors_are_those_of_the_float64_network(
    toy_checkpoints: dict[str, Checkpoint], energy_data: Dataset
) -> None:
    """MAE and RMSE of the test part, computed independently in float64."""
    checkpoint = toy_checkpoints["toy-schnet-energy"]
    part = energy_data.part(2)
    said = reference(checkpoint.build().double(), part.structures)["energy"]
    errors = part.structures.sums(said) - without_offsets(part, checkpoint.model["head"]["offsets"])
    row = checkpoint.measured["errors"][1]
    assert (row["split"], row["structures"], row["unit"]) == ("test", len(part.labels), "eV")
    assert row["mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-4)
    assert row["rmse"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-4)


def test_contributions_are_described_per_element(
    toy_checkpoints: dict[str, Checkpoint], energy_data: Dataset
) -> None:
    """Mean, deviation and number of atoms over the training part."""
    checkpoint = toy_checkpoints["toy-bpnn-energy"]
    structures = energy_data.part(0).structures
    said = reference(checkpoint.build().double(), structures)["energy"]
    for row in checkpoint.measured["contributions"]:
        mine = said[structures.numbers == row["number"]]
        assert row["atoms"] == len(mine)
        assert (row["mean"], row["deviation"]) == pytest.approx((mine.mean(), mine.std()), abs=1e-4)


def test_closest_distances_are_those_of_the_training_part(
    toy_checkpoints: dict[str, Checkpoint], energy_data: Dataset, molecules: list[Atoms]
) -> None:
    """The smallest of all distances, by ASE, for each pair of elements."""
    expected: dict[tuple[int, int], float] = {}
    for atoms, part in zip(molecules, energy_data.split, strict=True):
        distances = atoms.get_all_distances()  # type: ignore[no-untyped-call]
        for i, j in zip(*np.triu_indices(len(atoms), 1), strict=True):
            pair = tuple(sorted((int(atoms.numbers[i]), int(atoms.numbers[j]))))
            if part == 0 and distances[i, j] < 5.0:
                expected[pair] = min(distances[i, j], expected.get(pair, np.inf))  # type: ignore[index, arg-type]
    measured = toy_checkpoints["toy-schnet-energy"].measured["closest"]
    assert {tuple(row["numbers"]): row["distance"] for row in measured} == pytest.approx(expected)


def test_the_largest_training_structure_is_kept(
    toy_checkpoints: dict[str, Checkpoint], energy_data: Dataset
) -> None:
    """It is what verification runs on and what sets the warning for larger ones."""
    largest = toy_checkpoints["toy-schnet-energy"].measured["largest"]
    assert len(largest["numbers"]) == energy_data.part(0).structures.counts.max()


def test_oxygen_is_negative_after_measuring(
    tiny: Callable[[str, Kind], ModelSettings], dipole_data: Dataset, tmp_path: Path
) -> None:
    """Whatever sign training found, charges are turned and the record says so; errors stay."""
    trainer = Trainer(tiny("bpnn", "charge"), TrainingSettings(epochs=1), dipole_data, tmp_path)
    either = {}
    for sign in (1.0, -1.0):
        trainer.model.head.scale.fill_(sign)
        found = measure(trainer.best.improved(trainer.model.state_dict(), 1, 1.0), dipole_data, "")
        means = {row["number"]: row["mean"] for row in found.measured["contributions"]}
        assert means[8] < 0
        either[found.measured["sign_flipped"]] = found
    assert either.keys() == {True, False}
    again = measure(either[True], dipole_data, "")
    assert again.measured["sign_flipped"]
    assert torch.equal(again.weights["head.scale"], either[True].weights["head.scale"])
    for one, other in zip(either[True].measured["errors"], either[False].measured["errors"], strict=True):
        assert one["mae"] == pytest.approx(other["mae"], rel=1e-5)
    assert torch.equal(either[True].weights["head.scale"], either[False].weights["head.scale"])
