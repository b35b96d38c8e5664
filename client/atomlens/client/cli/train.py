"""`atomlens train`: labelled structures in, a checkpoint out."""

from __future__ import annotations

import argparse
import math
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atomlens.export.bpnn import BPNNSettings
    from atomlens.export.dataset import Dataset
    from atomlens.export.schnet import SchNetSettings
    from atomlens.export.training import TrainingSettings

HEADS = ("energy", "charge", "extent", "intensive")
EPILOG = """An .npz file holds flat arrays, structure k owning n_atoms[k] consecutive rows: n_atoms, numbers,
positions (Å) or scaled_positions with cell_A, the label, and optionally split (0 training, 1 validation,
2 test). Extended XYZ and ASE databases hold the label under its name in `info` or as a result. Without a
split of its own the data are split at random: 80, 10 and 10 per cent. The label's unit is read from its
name (u0_eV), from --label-unit or from a field such as `units`, which must not contradict each other.

Data that break a rule are refused before the first epoch: numbers that are missing, not finite or all the
same, ions, cells without volume, two atoms on one place, units that are mixed, elements that only the
validation or test part has.

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
    from atomlens.export.heads import KINDS, HeadSettings
    from atomlens.export.measure import measure
    from atomlens.export.model import ModelSettings
    from atomlens.export.readers import read_dataset
    from atomlens.export.training import Trainer

    started = _started(args)
    settings = _training_settings(args)
    network, name = _network_settings(args), _head_name(args)
    if args.references and args.head != "energy":
        raise ValueError(f"`--references` are for --head energy, --head {args.head} has none")
    data = read_dataset(args.data, args.label, KINDS[args.head].property_units, args.label_unit, args.seed)
    print(f"{args.data}: {data.sizes} structures, elements {list(data.elements)}", flush=True)
    head = HeadSettings(args.head, name, data.unit, _offsets(args, data))
    model = ModelSettings(args.family, replace(network, elements=data.elements), head)
    trainer = Trainer(model, settings, data, args.directory)
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


def _started(args: argparse.Namespace) -> bool:
    """Return whether there is a run to go on with."""
    found = [name for name in ("best.pt", "state.pt") if (args.directory / name).exists()]
    if found and not args.resume:
        raise ValueError(f"{args.directory} holds a run already: give --resume to go on with it")
    return bool(found)


def _network_settings(args: argparse.Namespace) -> SchNetSettings | BPNNSettings:
    """Return what the network is built from, but for the elements."""
    from atomlens.export.bpnn import BPNNSettings
    from atomlens.export.schnet import SchNetSettings

    if args.family == "schnet":
        return SchNetSettings(
            (), args.cutoff, args.features, args.blocks, args.gaussians, args.embedding_scale
        )
    if not re.fullmatch(r"\d+(,\d+)*", args.hidden):
        raise ValueError(f"`--hidden` must be widths such as 64,64, got {args.hidden!r}")
    return BPNNSettings((), args.cutoff, hidden=tuple(map(int, args.hidden.split(","))))


def _head_name(args: argparse.Namespace) -> str:
    """Return the head's name: the one given, the label's where there are many, or that of the kind."""
    from atomlens.export.heads import check_name
    from atomlens.export.units import bare_name

    if args.head_name is not None:
        return check_name(args.head_name)
    return check_name(bare_name(args.label) if args.head == "intensive" else args.head)


def _offsets(args: argparse.Namespace, data: Dataset) -> dict[int, float]:
    """Return the energy of each free atom in eV, of heads that have any."""
    from atomlens.export.training import check_offsets, fit_offsets

    if args.head != "energy":
        return {}
    return check_offsets(data, _references(args.references, data)) if args.references else fit_offsets(data)


def _references(text: str, data: Dataset) -> dict[int, float]:
    from ase.data import atomic_numbers

    try:
        pairs = [item.split("=") for item in text.split(",")]
        references = {int(atomic_numbers[symbol.strip()]): float(value) for symbol, value in pairs}
    except (KeyError, ValueError) as error:
        raise ValueError(f"`--references` must read H=-13.6,C=..., got {text!r}") from error
    if len(references) < len(pairs) or not all(map(math.isfinite, references.values())):
        raise ValueError(f"`--references` must have one finite number for an element, got {text!r}")
    missing = set(data.elements) - set(references)
    if missing:
        raise ValueError(f"`--references` lacks the atomic numbers {sorted(missing)} of the data")
    return {number: references[number] for number in data.elements}


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
