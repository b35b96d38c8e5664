"""`atomlens.export.training`."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from atomlens.export.checkpoint import Checkpoint
from atomlens.export.dataset import Dataset
from atomlens.export.heads import Kind
from atomlens.export.model import ModelSettings
from atomlens.export.training import Trainer, TrainingSettings, fit_offsets, without_offsets

Tiny = Callable[[str, Kind], ModelSettings]
QUICK = TrainingSettings(epochs=4, batch_size=8, learning_rate=5e-3, averaging=0.8)


def silent(line: str) -> None:
    """Take a report and say nothing."""


def make(
    tiny: Tiny, data: Dataset, run: Path, settings: TrainingSettings = QUICK, family: str = "schnet"
) -> Trainer:
    """Return a trainer of a tiny model."""
    return Trainer(tiny(family, "energy" if data.label == "energy" else "charge"), settings, data, run)


@pytest.mark.parametrize("family", ["schnet", "bpnn"])
@pytest.mark.parametrize("label", ["energy", "dipole"])
def test_the_loss_falls(
    family: str, label: str, tiny: Tiny, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A few epochs on a handful of molecules halve the training loss, for both families and heads."""
    data = request.getfixturevalue(f"{label}_data")
    settings = replace(QUICK, epochs=12, learning_rate=1e-2)
    make(tiny, data, tmp_path, settings, family).fit(silent)
    with (tmp_path / "log.csv").open() as log:
        losses = [float(row["training_loss"]) for row in csv.DictReader(log)]
    assert len(losses) == 12
    assert losses[-1] < 0.5 * losses[0]


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


def test_a_run_is_not_resumed_with_other_settings_or_data(
    tiny: Tiny, energy_data: Dataset, tmp_path: Path
) -> None:
    """The differences are named."""
    make(tiny, energy_data, tmp_path, replace(QUICK, epochs=1)).fit(silent)
    with pytest.raises(ValueError, match=r"training learning_rate was 0\.005, now 0\.1"):
        make(tiny, energy_data, tmp_path, replace(QUICK, epochs=1, learning_rate=0.1)).resume()
    changed = replace(energy_data, labels=energy_data.labels + 1.0)
    with pytest.raises(ValueError, match="data fingerprint"):
        make(tiny, changed, tmp_path, replace(QUICK, epochs=1)).resume()


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
    ("field", "value"), [("epochs", 0), ("learning_rate", -1.0), ("averaging", 1.5), ("threads", 0)]
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
