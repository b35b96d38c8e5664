"""Asking: what commands that ask models have in common: where models are, and the one structure of a file."""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

from atomlens.client import files
from atomlens.client.address import DEFAULT_PORT
from atomlens.client.cli import credentials
from atomlens.client.client import Client
from atomlens.client.errors import InputError, UnreadableFileError
from atomlens.client.failure import Failure
from atomlens.client.structure import Structure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where models are."""
    where = parser.add_argument_group("where models are")
    where.add_argument(
        "--server",
        metavar="HOST:PORT",
        help=f"ask this server (port {DEFAULT_PORT} if none is given); without it models run in this process",
    )
    where.add_argument(
        "--models", type=Path, metavar="DIR", help="directory of models to run; the bundled ones if not given"
    )
    where.add_argument(
        "--provider", choices=("cpu", "cuda", "cuda-tf32"), help="what models run on (default cpu)"
    )
    where.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="longest wait for a server's answer (60)",
    )
    credentials.add_arguments(parser)


def make_client(args: argparse.Namespace) -> Client:
    """Return the client that the arguments ask for."""
    if args.server is None:
        credentials.check_unused(args)
        return Client.local(args.models, args.provider or "cpu")
    if args.models or args.provider:
        given = "--models" if args.models else "--provider"
        raise InputError(f"`{given}` is for models in this process, leave it out with `--server`")
    if not args.timeout > 0:
        raise InputError(f"`--timeout` must be positive, got {args.timeout:g}")
    return credentials.connect(args)


def read_one_of(name: str, format_in: str | None) -> Structure:
    """Return the one structure of a file."""
    items = list(islice(files.read(name, format_in), 2))
    if len(items) > 1:
        raise UnreadableFileError(
            f"{name} must hold one structure: name one of them, as in {name}@0", field=name
        )
    if isinstance(items[0], Failure):
        raise UnreadableFileError(f"{name}: {items[0].error}", reason=items[0].error.reason, field=name)
    return items[0]
