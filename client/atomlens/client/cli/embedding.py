"""`atomlens embedding`: what a model learned of the elements."""

from __future__ import annotations

import argparse
import csv
import io
import json
from pathlib import Path
from typing import Any

from atomlens.client.atomic_file import whole_file
from atomlens.client.cli.asking import add_arguments, make_client
from atomlens.client.cli.output import check_output
from atomlens.client.embedding import Embedding
from atomlens.client.embedding.periodicity import MIN_ATOMS, Periodicity
from atomlens.client.embedding.table import columns, title

DESCRIPTION = """Show the vectors that a model learned for the elements: their principal components, nearest
elements, and two permutation tests of whether they know the periodic table."""
EPILOG = f"""The tests ask whether elements of one group are alike, and whether one direction orders the
members of every group by their periods. Elements with fewer than {MIN_ATOMS} atoms in training are left out
of them and named.

examples:
  atomlens embedding schnet-mp-formation
  atomlens embedding schnet-mp-formation -o periodic.html"""
SUFFIXES = (".html", ".png", ".svg", ".csv", ".json")
DOTS_PER_INCH = 150


def add_parser(commands: Any) -> None:
    """Declare the command's arguments."""
    parser = commands.add_parser(
        "embedding",
        help="show what a model learned of the elements",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="MODEL or MODEL@VERSION")
    parser.add_argument("--format", choices=("table", "json"), default="table", help="for people or programs")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="write to a file instead: .html (figure, table and tests), .png or .svg (the figure), "
        ".csv (a row per element) or .json",
    )
    add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print or write the embedding of one model."""
    if args.output is not None:
        check_output(args.output, SUFFIXES)
    with make_client(args) as client:
        embedding = client.embedding(args.model)
    tests = Periodicity.of(embedding)
    if args.output is not None:
        content = _content(args.output.suffix.lower(), embedding, tests)
        with whole_file(args.output, "wb") as file:
            file.write(content)
    else:
        print(_json(embedding, tests) if args.format == "json" else _text(embedding, tests))
    return 0


def _content(suffix: str, embedding: Embedding, tests: Periodicity) -> bytes:
    """Return what a file of this suffix holds."""
    if suffix == ".png":
        return _png(embedding)
    if suffix == ".csv":
        return _csv(embedding).encode()
    if suffix == ".json":
        return (_json(embedding, tests) + "\n").encode()
    if suffix == ".svg":
        from atomlens.client.svg import svg

        return svg(embedding.to_figure()).encode()
    from atomlens.client.embedding.page import page

    return page(embedding, tests).encode()


def _text(embedding: Embedding, tests: Periodicity) -> str:
    return "\n".join([str(embedding), *tests.sentences()])


def _json(embedding: Embedding, tests: Periodicity) -> str:
    document = embedding.to_dict() | {"periodicity": tests.to_dict()}
    return json.dumps(document, ensure_ascii=False, allow_nan=False)


def _csv(embedding: Embedding) -> str:
    """Return a row for each element."""
    table = columns(embedding)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return text.getvalue()


def _png(embedding: Embedding) -> bytes:
    content = io.BytesIO()
    metadata = {"Title": title(embedding), "Description": f"digest {embedding.model.digest}"}
    embedding.to_figure().savefig(content, format="png", dpi=DOTS_PER_INCH, metadata=metadata)
    return content.getvalue()
