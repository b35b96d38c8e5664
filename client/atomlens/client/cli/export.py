"""`atomlens export`: a checkpoint in, a verified bundle out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from atomlens.client.cli.verify import format_rows

BEST = "best.pt"  # what `atomlens train` calls it


def add_parser(commands: Any) -> None:
    """Declare the command's arguments."""
    parser = commands.add_parser(
        "export", help="turn a checkpoint into a bundle (needs the extra `export`)", description=__doc__
    )
    parser.add_argument("checkpoint", type=Path, help="best.pt of a finished run, under whatever name")
    parser.add_argument(
        "-o", "--output", dest="repository", type=Path, required=True, help="directory of models"
    )
    parser.add_argument(
        "--name", help="of the model; by default the run's directory for best.pt, else the file's own name"
    )
    parser.add_argument(
        "--exact",
        action="store_true",
        help="leave the network as it was trained instead of compiling it, which is ten times slower or more",
    )
    card = parser.add_argument_group("card", "what the checkpoint cannot know")
    card.add_argument("--data", default="", help="the data set and where it was published")
    card.add_argument("--data-licence", default="", help="its licence, an SPDX identifier")
    card.add_argument("--citation", default="", help="the publication to cite for it")
    card.add_argument("--licence", default="", help="of the weights, an SPDX identifier")
    card.add_argument(
        "--limit",
        dest="limits",
        metavar="SENTENCE",
        action="append",
        default=[],
        help="what the model cannot do; may be repeated",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write REPOSITORY/MODEL/VERSION and print how far its graph is from the network."""
    from atomlens.export.bundle import export_bundle
    from atomlens.export.card import Description
    from atomlens.export.checkpoint import Checkpoint
    from atomlens.export.verification import VerificationError
    from atomlens.server.verification import TOLERANCE

    if not args.checkpoint.is_file():
        raise ValueError(f"{args.checkpoint} is no file")
    description = Description(
        name=_name(args.checkpoint) if args.name is None else args.name,
        data=args.data,
        data_licence=args.data_licence,
        citation=args.citation,
        licence=args.licence,
        limits=tuple(args.limits),
    )
    try:
        path, rows = export_bundle(Checkpoint.load(args.checkpoint), args.repository, description, args.exact)
    except VerificationError as error:
        print(format_rows(error.rows, TOLERANCE), file=sys.stderr)
        raise
    print(format_rows(rows, TOLERANCE))
    print(f"wrote {path}")
    return 0


def _name(checkpoint: Path) -> str:
    """Return the name of the run that a checkpoint is of: RUN/best.pt, or RUN.pt where it was kept apart."""
    whole = checkpoint.resolve()
    return whole.parent.name if whole.name == BEST else whole.stem
