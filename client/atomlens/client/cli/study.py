"""`atomlens study`: models and data files in, one page of findings out."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atomlens.client.atomic_file import whole_file
from atomlens.client.cli.asking import add_arguments, make_client
from atomlens.client.errors import InputError

if TYPE_CHECKING:
    from atomlens.client.study.study import Study

DESCRIPTION = """Tell from labelled data whether what models explain can be believed.

DATA are .npz files of flat arrays as `atomlens train` reads them, extended XYZ or ASE databases. Of a file
with a `split` the test part is asked about, of others everything. Errors need the label that the model was
trained on (or --label); charges are compared with every field (atoms) whose name ends in `_e`, dipoles with
`dipole_eA` (structures, 3). Which molecules were trained on is known from another file that has a split
and the same identities, such as `qm9_index`."""
EPILOG = """Analyses: error of the property; contributions of each element and environment (perceived by
RDKit); models of one head against each other; learned charges and dipoles against reference ones; rings of
six carbon atoms; embeddings; and what must hold statistically, a row each. What could not be looked at is
listed with the reason.

examples:
  atomlens study qm9.npz -m schnet-qm9-energy -m bpnn-qm9-energy -o energies.html
  atomlens study qm9.npz qm9_mp2.npz materials_project.npz -o study.html"""
LIMIT = 20_000


def add_parser(commands: Any) -> None:
    """Declare the command's arguments."""
    parser = commands.add_parser(
        "study",
        help="test what models explain against data (extra `study`)",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", nargs="+", type=Path, metavar="DATA", help="files with labels")
    parser.add_argument(
        "-m",
        "--model",
        dest="names",
        action="append",
        default=[],
        metavar="MODEL",
        help="MODEL or MODEL@VERSION, as often as needed (default: all that the files have labels for)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT.html",
        default=Path("study.html"),
        help="the page (study.html)",
    )
    parser.add_argument(
        "--json", dest="document", type=Path, metavar="OUT.json", help="the numbers (beside the page)"
    )
    parser.add_argument(
        "--label",
        dest="labels",
        action="append",
        default=[],
        metavar="HEAD=FIELD",
        help="the field to compare a head's property with, such as energy=U0_Ha or energy=U0:Ha",
    )
    parser.add_argument(
        "--limit", type=int, default=LIMIT, metavar="N", help=f"most structures of a file ({LIMIT})"
    )
    add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write page and numbers, and print the accuracies and what must hold."""
    _check(args)
    labels = dict(_label(text) for text in args.labels)
    from atomlens.client.study.page import page
    from atomlens.client.study.study import run_study
    from atomlens.export.table import read_table

    tables = [read_table(path) for path in args.data]
    with make_client(args) as client:
        study = run_study(client, tables, args.names, labels, args.limit, _progress)
    _progress("")  # what is printed next begins on this line
    document = _document(args)
    with whole_file(document) as stream:
        json.dump(study.to_dict(), stream, ensure_ascii=False, indent=1, allow_nan=False)
        stream.write("\n")
    with whole_file(args.output) as stream:
        stream.write(page(study))
    print("\n".join([*_lines(study), f"wrote {args.output} and {document}"]))
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what would only fail after minutes of work."""
    if args.output.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"`--output` must end in .html, got {args.output}")
    if args.limit < 1:
        raise InputError(f"`--limit` must be positive, got {args.limit}")
    if _document(args) == args.output:
        raise InputError(f"`--json` must be another file than the page, got {args.output} for both")
    for path in (args.output, _document(args)):
        if not path.resolve().parent.is_dir():
            raise InputError(f"there is no directory {path.resolve().parent} to write {path.name} to")


def _document(args: argparse.Namespace) -> Path:
    """Return the file of the numbers."""
    path: Path | None = args.document
    return Path(args.output).with_suffix(".json") if path is None else path


def _label(text: str) -> tuple[str, str]:
    head, _, field = text.partition("=")
    if not head or not field:
        raise InputError(f"`--label` must read HEAD=FIELD, got {text!r}")
    return head, field


def _progress(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="\r", file=sys.stderr, flush=True)


def _lines(study: Study) -> list[str]:
    """Return what a terminal should say of a study: accuracies, verdicts in short, and what was left out."""
    from atomlens.client.study.section import WORDS

    accuracies, verdicts = study.accuracies(), study.verdicts
    lines = [] if accuracies is None else [*accuracies.lines(), ""]
    lines += [f"{WORDS[one.row.holds]}: {one.model}: {one.row.expectation}" for one in verdicts]
    lines += [""] if verdicts else []
    return lines + [f"left out: {one.analysis}: {one.why}" for one in study.left_out]
