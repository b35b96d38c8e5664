"""Training: from a dataset and settings to the weights that generalised best."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from atomlens.export.checkpoint import Checkpoint, load_plain
from atomlens.export.dataset import DataError, Dataset
from atomlens.export.model import Model, ModelSettings
from atomlens.export.ragged import Batch, RaggedData

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How a model is trained; two runs with equal settings and data give equal weights on one machine."""

    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    averaging: float = 0.999  # decay of the moving average of the weights, per step
    gradient_norm: float = 10.0
    patience: int = 20  # epochs without a better validation error before stopping early
    kink: float = 0.02  # where the loss turns from squared to absolute, in label deviations
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("seed", "weight_decay"):
                if not 0 <= value < 2**63:
                    raise ValueError(f"`{field.name}` must not be negative, got {value}")
            elif not 0 < value < math.inf:
                raise ValueError(f"`{field.name}` must be positive, got {value}")
        if not 0 < self.averaging < 1:
            raise ValueError(f"`averaging` must lie between 0 and 1, got {self.averaging}")


@dataclass(frozen=True, slots=True)
class Epoch:
    """One line of the log."""

    epoch: int
    learning_rate: float
    training_loss: float
    validation_mae: float
    validation_rmse: float
    structures_per_second: float
    seconds: float


class Trainer:
    """Trains one model and writes a checkpoint after every epoch, from which it can go on."""

    def __init__(self, model: ModelSettings, training: TrainingSettings, data: Dataset, run: Path) -> None:
        torch.manual_seed(training.seed)
        torch.set_num_threads(training.threads)
        self.settings, self.run = training, run
        self.model = Model(model)
        network = self.model.network
        targets = torch.from_numpy(without_offsets(data, model.head.offsets))
        rows = [torch.from_numpy(np.flatnonzero(data.split == index)) for index in range(3)]
        self.training, self.validation = (
            RaggedData(data.part(index).structures, targets[rows[index]].float(), network, torch.float32)
            for index in range(2)
        )
        if self.training.rows is not None:
            network.standardise(self.training.rows)  # type: ignore[attr-defined]
        everything = self.training.surroundings(np.arange(len(self.training)))
        self.model.head.standardise(self.training.labels, everything)
        self.kink = training.kink * float(self.training.labels.std())
        self.averaged = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(training.averaging))  # type: ignore[no-untyped-call]
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), training.learning_rate, weight_decay=training.weight_decay
        )
        self.schedule: LRScheduler = OneCycleLR(
            self.optimizer,
            training.learning_rate,
            total_steps=training.epochs * self.steps + 1,
            pct_start=0.05,
            final_div_factor=1e3,
            cycle_momentum=False,
        )
        self.epoch = 0
        self.best = Checkpoint.unstarted(model, asdict(training), data)

    @property
    def steps(self) -> int:
        """How many batches an epoch has."""
        return max(len(self.training) // self.settings.batch_size, 1)

    def fit(self, report: Report) -> Checkpoint:
        """Train until the last epoch or the patience's end and return the best weights' checkpoint."""
        while self.epoch < self.settings.epochs and not self.exhausted:
            line = self._run_epoch(report)
            self._keep(line)
            report(self._summary(line))
        return self.best

    @property
    def exhausted(self) -> bool:
        """Whether the validation error has not improved for `patience` epochs."""
        return self.epoch - self.best.epoch >= self.settings.patience

    def _run_epoch(self, report: Report) -> Epoch:
        start = last = time.monotonic()
        rng = np.random.default_rng([self.settings.seed, self.epoch])
        self.model.train()
        losses = []
        for step, batch in enumerate(self.training.shuffled(self.settings.batch_size, rng), 1):
            losses.append(self._step(batch))
            if time.monotonic() - last > 10:
                last = time.monotonic()
                rate = step * self.settings.batch_size / (last - start)
                report(f"epoch {self.epoch + 1}: {step}/{self.steps} steps, {rate:.0f} structures/s")
        trained = time.monotonic() - start
        errors = self.errors(self.averaged.module, self.validation)
        if not np.isfinite(errors).all():
            raise ValueError(f"training diverged in epoch {self.epoch + 1}: give a lower --learning-rate")
        return Epoch(
            self.epoch + 1,
            float(self.schedule.get_last_lr()[0]),
            float(np.mean(losses)),
            float(np.abs(errors).mean()),
            float(np.sqrt((errors**2).mean())),
            len(losses) * self.settings.batch_size / trained,
            time.monotonic() - start,
        )

    def _step(self, batch: Batch) -> float:
        self.optimizer.zero_grad(set_to_none=True)
        loss = smooth_l1_loss(predict(self.model, batch), batch.labels, beta=self.kink)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.gradient_norm)
        self.optimizer.step()
        self.schedule.step()
        self.averaged.update_parameters(self.model)
        return float(loss.detach())

    @torch.no_grad()
    def errors(self, model: Any, data: RaggedData) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return prediction minus label for all structures: (structures,)."""
        model.eval()
        parts = [predict(model, batch) - batch.labels for batch in data.batches(256)]
        return torch.cat(parts).double().numpy()

    def _keep(self, line: Epoch) -> None:
        """Write the log, the state to resume from and, when this epoch was best, its weights."""
        self.epoch += 1
        self.run.mkdir(parents=True, exist_ok=True)
        with (self.run / "log.csv").open("a", newline="") as log:
            writer = csv.DictWriter(log, [field.name for field in fields(Epoch)])
            if log.tell() == 0:
                writer.writeheader()
            writer.writerow(asdict(line))
        self.best = self.best.after_epoch(self.epoch, line.seconds)
        if line.validation_mae < self.best.validation_mae:
            self.best = self.best.improved(self.averaged.module.state_dict(), self.epoch, line.validation_mae)
        self.best.save(self.run / "best.pt")
        state = {
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": {k: v for k, v in self.schedule.state_dict().items() if not callable(v)},
        }
        partial = self.run / "state.pt.partial"
        torch.save(state, partial)
        partial.replace(self.run / "state.pt")

    def resume(self) -> None:
        """Go on from the run directory's last epoch.

        Raises:
            OSError: a file of the run cannot be read.
            ValueError: the run was started with other settings or data, or a file of it is damaged.
        """
        best = Checkpoint.load(self.run / "best.pt")
        differences = best.differences(self.best)
        if differences:
            raise ValueError(f"{self.run} was started with other settings or data: {'; '.join(differences)}")
        state = load_plain(self.run / "state.pt")
        self.best, self.epoch = best, state["epoch"]
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])

    def _summary(self, line: Epoch) -> str:
        left = (self.settings.epochs - line.epoch) * line.seconds / 60
        return (
            f"epoch {line.epoch}/{self.settings.epochs}: validation MAE {line.validation_mae:.4f}, "
            f"best {self.best.validation_mae:.4f} of epoch {self.best.epoch}, "
            f"{line.structures_per_second:.0f} structures/s, {left:.0f} min left"
        )


def predict(model: Any, batch: Batch) -> Tensor:
    """Return the property without offsets: (structures,)."""
    contributions, _ = model(batch.numbers, batch.prepared)
    prediction: Tensor = model.head.property(contributions, batch.surroundings)
    return prediction


def without_offsets(data: Dataset, offsets: dict[int, float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return labels minus the sum of the elements' offsets: (structures,), in float64."""
    table = np.zeros(119)
    table[list(offsets)] = list(offsets.values())
    return data.labels - data.structures.sums(table[data.structures.numbers])


def check_offsets(data: Dataset, offsets: dict[int, float]) -> dict[int, float]:
    """Return the offsets, which must make up most of each label or nothing.

    Raises:
        DataError: they add up to something else than the labels, as in another unit.
    """
    sums = data.labels - without_offsets(data, offsets)
    if sums.any():
        label, sum_ = (float(np.median(values)) for values in (data.labels, sums))
        if not 0.5 < label / sum_ < 2.0:
            both = f"{label:.6g} and {sum_:.6g} {data.unit} in the median"
            rule = "must be near the sum of the elements' references"
            raise DataError(f"{data.source}: `{data.label}` {rule}, got {both}: is one in another unit?")
    return offsets


def fit_offsets(data: Dataset) -> dict[int, float]:
    """Return the least-squares reference of each element over the training part.

    Raises:
        DataError: there are fewer structures than elements.
    """
    part = data.part(0)
    if len(part.labels) < len(data.elements):
        rule = f"{len(part.labels)} structures to train on cannot tell {len(data.elements)} elements apart"
        raise DataError(f"{data.source}: `{data.label}` of {rule}: give --references")
    counts = np.stack([part.structures.sums((part.structures.numbers == z) * 1.0) for z in data.elements], 1)
    solution = np.linalg.lstsq(counts, part.labels, rcond=None)[0]
    return dict(zip(data.elements, solution.tolist(), strict=True))
