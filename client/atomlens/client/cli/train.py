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

HEADS = ("energy", "charge", "extent", "intensive")
EPILOG = """An .npz file holds flat arrays, structure k owning n_atoms[k] consecutive rows: n_atoms, numbers,
positions (Å) or scaled_positions with cell_A, the label, and optionally split (0 training, 1 validation,
2 test). Extended XYZ and ASE databases hold the label under its name in `info` or as a result. Without a
split of its own the data are split at random: 80, 10 and 10 per cent.

The run directory gets best.pt (for `atomlens export`), state.pt (for --resume) and log.csv, a row an epoch.

example:
  atomlens train qm9.npz --run runs/dipole --family schnet --head charge --label dipole_magnitude_eA"""


def add_parser(commands: Any) -> None:
    """Declare the command's arguments."""
    parser = commands.add_parser(
        "train",
        help="train a network (extra `export`)",
        description="Train a network on labelled structures; runs are resumable and follow from their seed.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, help=".npz, extended XYZ or an ASE database (.db)")
    parser.add_argument(
        "--run", dest="directory", metavar="DIR", type=Path, required=True, help="of checkpoints and log"
    )
    parser.add_argument("--family", choices=("schnet", "bpnn"), required=True, help="of the network")
    parser.add_argument(
        "--head",
        choices=HEADS,
        required=True,
        help="energies, charges from dipole moments, electrons from spatial extents, or means over atoms",
    )
    parser.add_argument("--head-name", metavar="NAME", help="of the output; follows from head or label")
    parser.add_argument("--label", required=True, help="the field with the label, such as u0_eV")
    parser.add_argument("--label-unit", metavar="UNIT", help="of the label, where its name does not say")
    parser.add_argument(
        "--references",
        metavar="H=E,...",
        help="energies of free atoms in eV; fitted to the data if not given",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the run's last epoch")
    network = parser.add_argument_group("network")
    _number(network, "--cutoff", 5.0, "in Å")
    _number(network, "--features", 64, "of SchNet, for each atom")
    _number(network, "--blocks", 3, "of SchNet")
    _number(network, "--gaussians", 25, "of SchNet, that distances are expanded in")
    _number(network, "--embedding-scale", 1.0, "of SchNet's element embeddings before training")
    network.add_argument(
        "--hidden", default="64,64", metavar="N,N", help="layer widths of a Behler-Parrinello network (64,64)"
    )
    training = parser.add_argument_group("training")
    _number(training, "--epochs", 30, "at most")
    _number(training, "--batch-size", 32, "structures of a step")
    _number(training, "--learning-rate", 1e-3, "at its highest")
    _number(training, "--weight-decay", 1e-4, "of AdamW")
    _number(training, "--averaging", 0.999, "decay of the moving average of the weights, each step")
    _number(training, "--patience", 20, "epochs without improvement before stopping")
    _number(training, "--seed", 0, "of weights, split and order")
    _number(training, "--threads", 1, "to compute with")
    parser.set_defaults(run=run)


def _number(group: argparse._ArgumentGroup, flag: str, default: float, text: str) -> None:
    """Declare a number whose type is that of its default, which the help shows."""
    group.add_argument(flag, type=type(default), default=default, metavar="N", help=f"{text} ({default})")


def run(args: argparse.Namespace) -> int:
    """Train until done and leave `best.pt` and `log.csv` in the run directory."""
    from atomlens.export.heads import KINDS
    from atomlens.export.measure import measure
    from atomlens.export.readers import read_dataset
    from atomlens.export.training import Trainer

    started = (args.directory / "state.pt").exists()
    if started and not args.resume:
        raise ValueError(f"{args.directory} holds a run already: give --resume to go on with it")
    settings = _training_settings(args)
    data = read_dataset(args.data, args.label, KINDS[args.head].property_units, args.label_unit, args.seed)
    print(f"{args.data}: {data.sizes} structures, elements {list(data.elements)}", flush=True)
    trainer = Trainer(_model_settings(args, data), settings, data, args.directory)
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
    from atomlens.export.readers import bare_name
    from atomlens.export.schnet import SchNetSettings
    from atomlens.export.training import fit_offsets

    offsets = {}
    if args.head == "energy":
        offsets = _references(args.references, data) if args.references else fit_offsets(data)
    network: SchNetSettings | BPNNSettings
    if args.family == "schnet":
        network = SchNetSettings(
            data.elements, args.cutoff, args.features, args.blocks, args.gaussians, args.embedding_scale
        )
    else:
        network = BPNNSettings(data.elements, args.cutoff, hidden=tuple(map(int, args.hidden.split(","))))
    name = args.head_name or (bare_name(data.label) if args.head == "intensive" else args.head)
    return ModelSettings(args.family, network, HeadSettings(args.head, name, data.unit, offsets))


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
