"""`atomlens report`: one page that shows a structure, its atoms and the space around it in 3-D."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from atomlens.client.cli.asking import add_arguments, make_client, read_one_of
from atomlens.client.cli.hint import hinting
from atomlens.client.cli.output import check_output
from atomlens.client.probe.request import numbers_of
from atomlens.client.selection import DEFAULT_MODELS

DESCRIPTION = """Write a page that shows in 3-D what models say of a structure: its atoms in the colours of
their contributions, and surfaces around them in the colours of what a probe atom would have there. The page
is one file and needs no network.

FILE is any file that ASE reads, or a part of one (`md.xyz@-1`), with exactly one structure, or `-` for
standard input."""
EPILOG = """Without -m the usual models are asked, or where they do not take the structure the first that
does. A .png is a still of the pictures and needs Chromium.

examples:
  atomlens report aspirin.xyz
  atomlens report NaCl.cif -m schnet-mp-formation -A O --surface distance:1.8 -o NaCl.html
  atomlens report aspirin.xyz -o aspirin.png"""


def add_parser(commands: Any) -> None:
    """Declare the command's arguments."""
    parser = commands.add_parser(
        "report",
        help="write a page that shows what models say of a structure",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="the structure to report on")
    parser.add_argument(
        "-m",
        "--model",
        action="append",
        metavar="MODEL",
        help="MODEL or MODEL@VERSION, as often as needed; models must have no head in common "
        f"(default {' and '.join(DEFAULT_MODELS)})",
    )
    parser.add_argument(
        "-A",
        "--elements",
        type=lambda text: [word.strip() for word in text.split(",")],
        metavar="ELEMENTS",
        help="elements of the probes, such as H or H,C (default those that the models know, if they are few)",
    )
    parser.add_argument(
        "--surface",
        action="append",
        metavar="SURFACE",
        help="distance:D in Å or inverse-power:P:C, as often as needed (default distance:1.6, 2.0 and 2.5)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("report.html"),
        metavar="OUT",
        help="the page, .html, or a still of it, .png (default report.html)",
    )
    parser.add_argument("--format-in", metavar="FORMAT", help="ASE's name of the format of FILE")
    add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the report and return 1 when a model that was named has no part in it."""
    from atomlens.client.report import report

    _check(args)
    structure = read_one_of(args.file, args.format_in)
    asked, probes = args.model or DEFAULT_MODELS, args.elements or ()
    with make_client(args) as client, hinting(client, asked, structure, probes):
        made = report(client, structure, args.model, args.elements, args.surface)
    made.write(args.output)
    for note in made.notes:
        print(f"atomlens: {' '.join(note.split())}", file=sys.stderr)
    print(f"wrote {args.output}")
    return 1 if args.model and len(made.models) < len(args.model) else 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what would only fail after the work is done."""
    from atomlens.client.report import Surface
    from atomlens.client.report.chromium import find_browser
    from atomlens.client.report.contents import STILL, SUFFIXES

    check_output(args.output, SUFFIXES)
    numbers_of(args.elements or ["H"])
    if args.output.suffix.lower() == STILL:
        find_browser()
    for surface in args.surface or ():
        Surface.parse(surface)
