"""`atomlens models`: which models there are, and what one is."""

from __future__ import annotations

import argparse
import json
from typing import Any

from atomlens.client.card import Card, ModelStatus
from atomlens.client.cli.asking import add_arguments, make_client
from atomlens.client.client import Client
from atomlens.client.errors import InputError, UnknownModelError, UnusableModelError

DESCRIPTION = "List models with their heads, elements, test errors and state, or show the card of one."

UNUSABLE = 3  # a model that was published cannot be used
MOST_ELEMENTS = 12  # that a line names one by one


def add_parser(commands: Any) -> None:
    """Declare the command's arguments."""
    parser = commands.add_parser("models", help="list models, or show what one is", description=DESCRIPTION)
    parser.add_argument("name", nargs="?", metavar="MODEL", help="MODEL or MODEL@VERSION to show")
    parser.add_argument("--format", choices=("table", "json"), default="table", help="for people or programs")
    parser.add_argument(
        "--refresh",
        action="store_true",
        help="have the repository looked at for new versions first; exits with 3 if one cannot be served",
    )
    add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one card or a line for each model."""
    with make_client(args) as client:
        if args.refresh and args.name:
            raise InputError("`--refresh` is for all models, leave MODEL out")
        if args.name:
            card = client.model(args.name)
            print(_json(card.to_dict()) if args.format == "json" else card)
            return 0
        statuses = client.refresh_models() if args.refresh else client.models()
        cards = [(status, _card(client, status)) for status in statuses]
    if args.format == "json":
        print(_json([_document(status, card) for status, card in cards]))
    else:
        print(_table([_row(status, card) for status, card in cards]))
    return UNUSABLE if args.refresh and any(status.state == "failed" for status in statuses) else 0


def _card(client: Client, status: ModelStatus) -> Card | None:
    """Return the card of a model that is ready, and still is when it is asked for."""
    try:
        return client.model(str(status)) if status.ready else None
    except (UnknownModelError, UnusableModelError):
        return None


def _document(status: ModelStatus, card: Card | None) -> dict[str, Any]:
    errors = card.document.get("errors", []) if card else []
    return {**status.to_dict(), "errors": errors}


def _row(status: ModelStatus, card: Card | None) -> list[str]:
    tests = (
        [f"{error.mae:.3g} {error.unit}" for error in card.errors if error.split == "test"] if card else []
    )
    return [
        str(status) + ("" if status.is_default or not status.ready else " (not the default)"),
        status.family or "-",
        " ".join(status.heads) or "-",
        _elements(status),
        ", ".join(tests) or "-",
        _state(status),
    ]


def _state(status: ModelStatus) -> str:
    """Return the state in words, with the reason where there is one."""
    state = f"ready on {status.provider}" if status.ready else status.state
    reason = " ".join(status.reason.split())
    return f"{state}: {reason}" if reason else state


def _elements(status: ModelStatus) -> str:
    """Return the symbols of a model's elements, or how many there are where a line would not hold them."""
    if len(status.elements) > MOST_ELEMENTS:
        return f"{len(status.elements)} from {status.elements[0]} to {status.elements[-1]}"
    return " ".join(status.elements) or "-"


def _table(rows: list[list[str]]) -> str:
    lines = [["model", "family", "heads", "elements", "test MAE", "state"], *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _json(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2)
