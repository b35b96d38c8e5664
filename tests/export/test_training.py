"""`atomlens.export.training`."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from atomlens.export.checkpoint import Checkpoint
from atomlens.export.dataset import DataError, Dataset
from atomlens.export.heads import Kind
from atomlens.export.model import ModelSettings
from atomlens.export.training import Trainer, TrainingSettings, check_offsets, fit_offsets, without_offsets

Tiny = Callable[[str, Kind], ModelSettings]
SOURCES = ("energy_data", "dipole_data", "extent_data", "formation_data")
KINDS: dict[str, Kind] = {
    "energy": "energy",
    "charge": "charge",
    "extent": "extent",
    "formation_energy": "intensive",
}
QUICK = TrainingSettings(epochs=4, batch_size=8, learning_rate=5e-3, averaging=0.8)


def silent(line: str) -> None:
    """Take a report and say nothing."""


def make(
    tiny: Tiny, data: Dataset, run: Path, settings: TrainingSettings = QUICK, family: str = "schnet"
) -> Trainer:
    """Return a trainer of a tiny model."""
    return Trainer(tiny(family, KINDS[data.label]), settings, data, run)


@pytest.mark.parametrize("family", ["schnet", "bpnn"])
@pytest.mark.parametrize("source", SOURCES)
def test_both_families_learn_every_kind_of_head(
    family: str, source: str, tiny: Tiny, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A few epochs on molecules or crystals halve the loss; random weights and the mean do far worse."""
    data = request.getfixturevalue(source)
    epochs = 40 if source == "formation_data" else 12
    trainer = make(tiny, data, tmp_path, replace(QUICK, epochs=epochs, learning_rate=1e-2), family)
    labels = trainer.training.labels.numpy()
    before = np.abs(trainer.errors(trainer.model, trainer.training)).mean()
    trainer.fit(silent)
    after = np.abs(trainer.errors(trainer.averaged.module, trainer.training)).mean()
    with (tmp_path / "log.csv").open() as log:
        losses = [float(row["training_loss"]) for row in csv.DictReader(log)]
    assert len(losses) == epochs
    assert losses[-1] < 0.5 * losses[0]
    assert after < 0.4 * before
    assert after < 0.5 * np.abs(labels - labels.mean()).mean()


def test_the_best_weights_are_kept(tiny: Tiny, energy_data: Dataset, tmp_path: Path) -> None:
    """The checkpoint has the lowest validation error of the log, and its weights give that error."""
    trainer = make(tiny, energy_data, tmp_path)
    best = trainer.fit(silent)
    with (tmp_path / "log.csv").open() as log:
        errors = [float(row["validation_mae"]) for row in csv.DictReader(log)]
    assert best.validation_mae == min(errors)
    assert best.epoch == 1 + int(np.argmin(errors))
    again = np.abs(trainer.errors(best.build(), trainer.validation)).mean()
    assert again == pytest.approx(best.validation_mae, rel=1e-5)


def test_equal_settings_give_equal_weights(tiny: Tiny, energy_data: Dataset, tmp_path: Path) -> None:
    """Training repeats bit by bit; another seed gives other weights."""
    one, same, other = (
        make(tiny, energy_data, tmp_path / name, replace(QUICK, epochs=1, seed=seed)).fit(silent)
        for name, seed in (("one", 0), ("same", 0), ("other", 1))
    )
    assert all(torch.equal(tensor, same.weights[name]) for name, tensor in one.weights.items())
    assert not all(torch.equal(tensor, other.weights[name]) for name, tensor in one.weights.items())


def test_a_resumed_run_ends_like_one_that_was_never_stopped(
    tiny: Tiny, energy_data: Dataset, tmp_path: Path
) -> None:
    """Two epochs, a new process and two more give the weights of four."""
    whole = make(tiny, energy_data, tmp_path / "whole")
    whole.fit(silent)
    stopped = make(tiny, energy_data, tmp_path / "parts")
    for _ in range(2):
        stopped._keep(stopped._run_epoch(silent))
    resumed = make(tiny, energy_data, tmp_path / "parts")
    resumed.resume()
    assert resumed.epoch == 2
    resumed.fit(silent)
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name]), name
    for name, tensor in whole.averaged.state_dict().items():
        assert torch.equal(tensor, resumed.averaged.state_dict()[name]), name
    assert resumed.best.validation_mae == whole.best.validation_mae


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 0.1}, r"training learning_rate was 0\.005, now 0\.1"),
        ({"seed": 5}, "training seed was 0, now 5"),
    ],
    ids=["settings", "seed"],
)
def test_a_run_is_not_resumed_with_other_settings(
    tiny: Tiny, energy_data: Dataset, tmp_path: Path, changes: dict[str, float], message: str
) -> None:
    """The differences are named."""
    once = replace(QUICK, epochs=1)
    make(tiny, energy_data, tmp_path, once).fit(silent)
    with pytest.raises(ValueError, match=message):
        make(tiny, energy_data, tmp_path, replace(once, **changes)).resume()  # type: ignore[arg-type]


@pytest.mark.parametrize("changed", ["label", "labels", "split", "positions", "numbers", "cells"])
def test_a_run_is_not_resumed_with_other_data(
    tiny: Tiny, formation_data: Dataset, tmp_path: Path, changed: str
) -> None:
    """Another field, or the same with one number changed somewhere, also in what is no label."""
    once = replace(QUICK, epochs=1)
    data = formation_data
    make(tiny, data, tmp_path, once).fit(silent)
    if changed in ("label", "labels", "split"):
        values: dict[str, Any] = {
            "label": "gap",
            "labels": data.labels * (1 + 1e-9),
            "split": data.split[::-1].copy(),
        }
        other = replace(data, **{changed: values[changed]})
    else:
        array = getattr(data.structures, changed).copy()
        array.flat[0] += 1
        other = replace(data, structures=replace(data.structures, **{changed: array}))
    expected = "data label was formation_energy, now gap" if changed == "label" else "structures are others"
    trainer = Trainer(tiny("schnet", "intensive"), once, other, tmp_path)
    with pytest.raises(ValueError, match=f"was started with other settings or data: .*{expected}"):
        trainer.resume()


@pytest.mark.parametrize("name", ["best.pt", "state.pt"])
def test_a_damaged_run_is_not_resumed(tiny: Tiny, energy_data: Dataset, tmp_path: Path, name: str) -> None:
    """The file that cannot be read is named; nothing is overwritten."""
    make(tiny, energy_data, tmp_path, replace(QUICK, epochs=1)).fit(silent)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=rf"{name[:-3]}\.pt is no checkpoint .* or damaged"):
        make(tiny, energy_data, tmp_path, replace(QUICK, epochs=1)).resume()
    (tmp_path / name).unlink()
    with pytest.raises(OSError, match=rf"{name[:-3]}\.pt"):
        make(tiny, energy_data, tmp_path, replace(QUICK, epochs=1)).resume()


def test_weights_are_averaged_exponentially(tiny: Tiny, energy_data: Dataset, tmp_path: Path) -> None:
    """After the first step, which it copies, the average moves by 1 − decay towards the weights."""
    trainer = make(tiny, energy_data, tmp_path)
    name, expected = "network.output.0.weight", None
    for batch in list(trainer.training.batches(8))[:4]:
        trainer._step(batch)
        now = trainer.model.get_parameter(name).detach().clone()
        expected = now if expected is None else 0.8 * expected + 0.2 * now
    averaged = trainer.averaged.module.get_parameter(name).detach()
    torch.testing.assert_close(averaged, expected)


def test_training_stops_when_validation_no_longer_improves(
    tiny: Tiny, energy_data: Dataset, tmp_path: Path
) -> None:
    """With nothing learned the first epoch stays best, and patience ends the run."""
    settings = replace(QUICK, epochs=50, learning_rate=1e-30, weight_decay=0.0, patience=3)
    trainer = make(tiny, energy_data, tmp_path, settings)
    best = trainer.fit(silent)
    assert (best.epoch, best.epochs_run) == (1, 4)


def test_a_diverged_training_is_an_error(tiny: Tiny, energy_data: Dataset, tmp_path: Path) -> None:
    """Errors that are no numbers end the run with advice."""
    trainer = make(tiny, energy_data, tmp_path, replace(QUICK, learning_rate=1e30))
    with pytest.raises(ValueError, match="diverged in epoch 1"):
        trainer.fit(silent)


def test_an_interrupted_checkpoint_can_be_read(tiny: Tiny, energy_data: Dataset, tmp_path: Path) -> None:
    """Every epoch leaves a checkpoint with weights and without measurements."""
    trainer = make(tiny, energy_data, tmp_path)
    trainer._keep(trainer._run_epoch(silent))
    read = Checkpoint.load(tmp_path / "best.pt")
    assert (read.epoch, read.measured) == (1, {})
    assert read.weights.keys() == trainer.model.state_dict().keys()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("epochs", 0), ("learning_rate", -1.0), ("learning_rate", np.nan), ("gradient_norm", np.inf)),
        *(("averaging", 1.5), ("threads", 0), ("seed", -1), ("weight_decay", -0.1), ("seed", 2**70)),
    ],
)
def test_settings_out_of_range_are_named(field: str, value: float) -> None:
    """The argument and what came are in the message."""
    with pytest.raises(ValueError, match=f"`{field}` must .*, got {value}"):
        TrainingSettings(**{field: value})  # type: ignore[arg-type]


def test_fitted_offsets_recover_references(energy_data: Dataset) -> None:
    """Labels that are sums of references give the references back, and nothing remains."""
    references = {1: -13.5, 6: -1029.0, 7: -1485.0, 8: -2042.0}
    table = np.zeros(119)
    table[list(references)] = list(references.values())
    exact = replace(energy_data, labels=energy_data.structures.sums(table[energy_data.structures.numbers]))
    assert fit_offsets(exact) == pytest.approx(references, abs=1e-8)
    np.testing.assert_allclose(without_offsets(exact, references), 0.0, atol=1e-9)


def test_elements_that_cannot_be_told_apart_need_references(energy_data: Dataset) -> None:
    """Fewer structures than elements leave the energies of free atoms open."""
    split = np.ones_like(energy_data.split)
    split[np.flatnonzero(energy_data.structures.counts > 5)[:2]] = 0
    data = replace(energy_data, split=split)
    assert len(data.elements) > 2
    with pytest.raises(
        DataError, match=r"g2: `energy` of 2 structures .* \d elements apart: give --references"
    ):
        fit_offsets(data)


@pytest.mark.parametrize("family", ["schnet", "bpnn"])
def test_labels_that_elements_explain_leave_nothing_to_learn(
    tiny: Tiny, energy_data: Dataset, tmp_path: Path, family: str
) -> None:
    """What remains has no deviation; training then ends with errors of zero and weights that are finite."""
    table = np.zeros(119)
    table[[1, 6, 7, 8]] = [-13.6, -1029.9, -1485.3, -2042.6]
    exact = replace(energy_data, labels=energy_data.structures.sums(table[energy_data.structures.numbers]))
    best = make(tiny, exact, tmp_path, replace(QUICK, epochs=2), family).fit(silent)
    assert best.validation_mae < 1e-6
    assert all(torch.isfinite(tensor).all() for tensor in best.weights.values())


def test_references_must_fit_the_labels(energy_data: Dataset) -> None:
    """Labels in Hartree under references in eV are refused; references of zero are none."""
    fitted = fit_offsets(energy_data)
    assert check_offsets(energy_data, fitted) == fitted
    nothing = dict.fromkeys(fitted, 0.0)
    assert check_offsets(energy_data, nothing) == nothing
    in_hartree = replace(energy_data, labels=energy_data.labels / 27.2)
    with pytest.raises(DataError, match="must be near the sum of the elements' references"):
        check_offsets(in_hartree, fitted)
