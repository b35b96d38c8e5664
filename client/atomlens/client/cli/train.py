"""`atomlens train`: labelled structures in, a checkpoint out."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atomlens.export.dataset import Dataset
    from atomlens.export.model import ModelSettings
    from atomlens.export.training import TrainingSettings

UNITS = {"energy": "eV", "charge": "e·Å"}


def add_parser(commands: Any) -> None:
    """Declare the command's arguments."""
    parser = commands.add_parser("train", help="train a network (needs the extra `export`)", description=__doc__)
    parser.add_argument("data", type=Path, help=".npz, extended XYZ or an ASE database")
    parser.add_argument("--run", dest="directory", type=Path, required=True, help="directory of checkpoints and log")
    parser.add_argument("--family", choices=("schnet", "bpnn"), required=True)
    parser.add_argument("--head", choices=("energy", "charge"), required=True)
    parser.add_argument("--label", required=True, help="the field with the label, such as u0_eV")
    parser.add_argument("--label-unit", help="unit of the label, where its name does not say")
    parser.add_argument(
        "--references", help="energy of each free atom in eV, H=-13.6,C=...; without it they are fitted"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the run's last epoch")
    network = parser.add_argument_group("network")
    network.add_argument("--cutoff", type=float, default=5.0, help="in Å")
    network.add_argument("--features", type=int, default=64, help="of SchNet")
    network.add_argument("--blocks", type=int, default=3, help="of SchNet")
    network.add_argument("--gaussians", type=int, default=25, help="of SchNet")
    network.add_argument("--hidden", default="64,64", help="layer widths of a Behler-Parrinello network")
    training = parser.add_argument_group("training")
    training.add_argument("--epochs", type=int, default=30)
    training.add_argument("--batch-size", type=int, default=32, help="structures per step")
    training.add_argument("--learning-rate", type=float, default=1e-3, help="at its highest")
    training.add_argument("--weight-decay", type=float, default=1e-4)
    training.add_argument("--averaging", type=float, default=0.999, help="decay of the weights' moving average")
    training.add_argument("--patience", type=int, default=20, help="epochs without improvement before stopping")
    training.add_argument("--seed", type=int, default=0)
    training.add_argument("--threads", type=int, default=1)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train until done and leave `best.pt` and `log.csv` in the run directory."""
    from atomlens.export.measure import measure
    from atomlens.export.readers import read_dataset
    from atomlens.export.training import Trainer

    started = (args.directory / "state.pt").exists()
    if started and not args.resume:
        raise ValueError(f"{args.directory} holds a run already: give --resume to go on with it")
    data = read_dataset(args.data, args.label, UNITS[args.head], args.label_unit, args.seed)
    print(f"{args.data}: {data.sizes} structures, elements {list(data.elements)}", flush=True)
    trainer = Trainer(_model_settings(args, data), _training_settings(args), data, args.directory)
    if started:
        trainer.resume()
    checkpoint = trainer.fit(_report)
    command = shlex.join(["atomlens", *sys.argv[1:]]) if len(sys.argv) > 1 else "atomlens train"
    finished = measure(checkpoint, data, command.replace(" --resume", ""))
    finished.save(args.directory / "best.pt")
    for line in finished.measured["errors"]:
        print(f"{line['split']} MAE {line['mae']:.4f} {line['unit']}, RMSE {line['rmse']:.4f} {line['unit']}")
    return 0


def _report(line: str) -> None:
    """Print an epoch's line; steps in between overwrite each other, and only on a terminal."""
    if line.endswith("left"):
        print(line, flush=True)
    elif sys.stderr.isatty():
        print(f"\r{line}", end="\r", file=sys.stderr, flush=True)


def _model_settings(args: argparse.Namespace, data: Dataset) -> ModelSettings:
    from atomlens.export.bpnn import BPNNSettings
    from atomlens.export.heads import HeadSettings
    from atomlens.export.model import ModelSettings
    from atomlens.export.schnet import SchNetSettings
    from atomlens.export.training import fit_offsets

    offsets = {}
    if args.head == "energy":
        offsets = _references(args.references, data) if args.references else fit_offsets(data)
    network: SchNetSettings | BPNNSettings
    if args.family == "schnet":
        network = SchNetSettings(data.elements, args.cutoff, args.features, args.blocks, args.gaussians)
    else:
        network = BPNNSettings(data.elements, args.cutoff, hidden=tuple(map(int, args.hidden.split(","))))
    return ModelSettings(args.family, network, HeadSettings(args.head, data.unit, offsets))


def _references(text: str, data: Dataset) -> dict[int, float]:
    from ase.data import atomic_numbers

    try:
        pairs = (item.split("=") for item in text.split(","))
        references = {int(atomic_numbers[symbol]): float(value) for symbol, value in pairs}
    except (KeyError, ValueError) as error:
        raise ValueError(f"`--references` must read H=-13.6,C=..., got {text!r}") from error
    missing = set(data.elements) - set(references)
    if missing:
        raise ValueError(f"`--references` lacks the atomic numbers {sorted(missing)} of the data")
    return references


def _training_settings(args: argparse.Namespace) -> TrainingSettings:
    from atomlens.export.training import TrainingSettings

    return TrainingSettings(
        epochs=args.epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        weight_decay=args.weight_decay,
        averaging=args.averaging,
        patience=args.patience,
        seed=args.seed,
        threads=args.threads,
    )
