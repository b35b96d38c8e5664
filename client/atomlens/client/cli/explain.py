"""`atomlens explain`: structures in, explanations out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from atomlens.client import files
from atomlens.client.chunking import Item
from atomlens.client.cli.asking import add_arguments, make_client
from atomlens.client.cli.hint import Hint
from atomlens.client.client import Client
from atomlens.client.explanation import Explanation, Outcome, combine
from atomlens.client.failure import Failure
from atomlens.client.selection import DEFAULT_MODELS, answered, group, names_of
from atomlens.client.units import ENERGY_UNITS
from atomlens.client.writers import JsonLinesWriter, TextWriter, Writer, check_suffix, open_writer

DESCRIPTION = """Explain structures by the contribution of every atom.

FILE is any file that ASE reads, a part of one (`md.xyz@0:10`, `md.xyz@-1`, `md.xyz@::2`), or `-` for
standard input. Total charges are read from `charge`, multiplicities from `spin` of extended XYZ."""
EPILOG = """Every structure gets one answer. When models share a head, such as two that both predict energies,
each answers on its own. A structure that one model refuses is answered by the others. What fails is named
on standard error and makes the exit code 1; when no asked model knows the elements or takes what repeats,
a hint names models that do. A version of an asked model that could not be loaded is named there too; the
version that answers in its place decides the exit code. ATOMLENS_MAX_STRUCTURE_COST lets
models in this process take larger structures, at 1.5 kB of memory for each atom and pair.

examples:
  atomlens explain water.xyz
  atomlens explain *.sdf --energy-unit kcal/mol -o answers.csv
  atomlens explain md.xyz@::10 -m schnet-qm9-energy -m bpnn-qm9-energy --server HOST:50551 | jq .energy"""


def add_parser(commands: Any) -> None:
    """Declare the command's arguments."""
    parser = commands.add_parser(
        "explain",
        help="explain what models predict, atom by atom",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="what to explain")
    default = " and ".join(DEFAULT_MODELS)
    parser.add_argument(
        "-m",
        "--model",
        action="append",
        metavar="MODEL",
        help=f"MODEL or MODEL@VERSION, as often as needed (default {default})",
    )
    parser.add_argument(
        "--energy-unit",
        choices=tuple(ENERGY_UNITS),
        default="eV",
        help="unit of energies (eV); extended XYZ always has ASE's, eV",
    )
    parser.add_argument(
        "--format",
        choices=("table", "json"),
        help="table (on a terminal) or JSON lines (otherwise)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="write to a file instead: .extxyz, .json (an array), .jsonl, .csv (a row per atom) or .npz",
    )
    parser.add_argument("--format-in", metavar="FORMAT", help="ASE's name of the format of all files")
    add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Explain every structure and return 1 when any failed."""
    if args.output is not None:
        check_suffix(args.output)
    names = names_of(args.model or DEFAULT_MODELS)
    failed = 0
    with make_client(args) as client:
        groups = _groups(client, names)
        _report_unusable(client, names)
        asked = [name for members in groups for name in members]
        hint = Hint(client, asked)
        with _writer(args) as writer:
            for outcomes in client.stream_each(_items(args.files, args.format_in), asked):
                failed += _report(outcomes)
                hint.consider(outcomes)
                for explanation in _together(outcomes, groups):
                    writer.write(explanation.in_energy_unit(args.energy_unit))
    return 1 if failed else 0


def _groups(client: Client, names: Sequence[str]) -> list[list[str]]:
    """Return the models that answer together; asking for cards tells early about unknown models."""
    return group({name: client.model(name).status.heads for name in names})


def _report_unusable(client: Client, names: Sequence[str]) -> None:
    """Say on one line each which versions of models asked without a version could not be loaded."""
    for status in client.models():
        if status.state == "failed" and status.name in names:
            line = f"atomlens: {status} could not be loaded: {status.reason}"
            print(" ".join(line.split()), file=sys.stderr)


def _items(names: Iterable[str], format_in: str | None) -> Iterator[Item]:
    for name in names:
        yield from files.read(name, format_in)


def _together(outcomes: Sequence[Outcome], groups: Sequence[Sequence[str]]) -> Iterator[Explanation]:
    """Yield the answer of each group, of those members that have one."""
    rest = iter(outcomes)
    for members in groups:
        if explanations := answered([next(rest) for _ in members]):
            yield combine(explanations)


def _report(outcomes: Sequence[Outcome]) -> bool:
    """Say on one line what failed for a structure and why, naming models when others answered."""
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    if failures:
        named = len(failures) < len(outcomes)
        reasons = dict.fromkeys(f"{one.model}: {one.error}" if named else str(one.error) for one in failures)
        line = f"atomlens: {failures[0].id}: {'; '.join(reasons)}"
        print(" ".join(line.split()), file=sys.stderr)
    return bool(failures)


def _writer(args: argparse.Namespace) -> AbstractContextManager[Writer]:
    if args.output is not None:
        return open_writer(args.output)
    table = args.format == "table" or (args.format is None and sys.stdout.isatty())
    return nullcontext(TextWriter(sys.stdout) if table else JsonLinesWriter(sys.stdout))
