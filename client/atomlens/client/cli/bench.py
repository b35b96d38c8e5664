"""`atomlens bench`: a load on a server, and how it fared."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from atomlens.client import files
from atomlens.client.address import DEFAULT_PORT
from atomlens.client.bench import MODES, Load, Result, generate, synthetic
from atomlens.client.cli import credentials
from atomlens.client.errors import InputError, UnreadableFileError
from atomlens.client.failure import Failure
from atomlens.client.selection import DEFAULT_MODELS
from atomlens.client.structure import Structure

MOLECULES = 512  # made up where no file is given
DESCRIPTION = """Ask a server over and over and tell its throughput, latencies and errors.

Without FILE the structures are molecules made up of the model's elements, 9 to 29 atoms, 18 on average. FILE
is what `atomlens explain` takes; all its structures are held in memory and asked about in turn."""
EPILOG = """Without --rate the loop is closed: each client asks again once it is answered, so that a slow
server is asked less and its latencies look better than users would find them. With --rate the loop is open:
requests are due at fixed times, and latency counts from then on, however late the clients were. Each client
has a connection of its own; all are threads of this one process, which takes its own share of a machine that
also serves. Ctrl-C ends the run and prints what was measured.

examples:
  atomlens bench --server HOST:50551
  atomlens bench --server HOST:50551 --clients 16 --rate 500 --seconds 60
  atomlens bench molecules.sdf --server HOST:50551 --mode stream --format json"""


def add_parser(commands: Any) -> None:
    """Declare the command's arguments."""
    parser = commands.add_parser(
        "bench",
        help="put a load on a server and tell how it fares",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="what to ask about")
    parser.add_argument(
        "--server",
        required=True,
        metavar="HOST:PORT",
        help=f"the server (port {DEFAULT_PORT} if none is given)",
    )
    parser.add_argument(
        "-m",
        "--model",
        default=DEFAULT_MODELS[0],
        help=f"MODEL or MODEL@VERSION (default {DEFAULT_MODELS[0]})",
    )
    _add_load(parser)
    parser.add_argument("--format", choices=("table", "json"), default="table", help="for people or programs")
    parser.add_argument("--format-in", metavar="FORMAT", help="ASE's name of the format of all files")
    parser.add_argument(
        "--timeout", type=float, default=60.0, metavar="SECONDS", help="longest wait for an answer (60)"
    )
    credentials.add_arguments(parser)
    parser.set_defaults(run=run)


def _add_load(parser: argparse.ArgumentParser) -> None:
    load = parser.add_argument_group("the load")
    usual = Load()
    load.add_argument(
        "--mode",
        choices=MODES,
        default=usual.mode,
        help="a structure a call, a batch a call, or one long call, of batches or structures (default unary)",
    )
    load.add_argument("--clients", type=int, default=usual.clients, metavar="N", help="clients (1)")
    load.add_argument(
        "--rate", type=float, metavar="R", help="requests a second of all clients: an open loop"
    )
    load.add_argument(
        "--seconds", type=float, default=usual.seconds, metavar="S", help="time that is measured (10)"
    )
    load.add_argument(
        "--warm-up", type=float, default=usual.warm_up_seconds, metavar="S", help="time before that (1)"
    )
    load.add_argument(
        "--batch", type=int, default=usual.batch, metavar="N", help="structures of a batch (64)"
    )


def run(args: argparse.Namespace) -> int:
    """Put the load on and return 1 when anything failed; raise `KeyboardInterrupt` again after the table."""
    if not args.timeout > 0:
        raise InputError(f"`--timeout` must be positive, got {args.timeout:g}")
    load = Load(args.mode, args.clients, args.rate, args.seconds, args.warm_up, args.batch)
    structures = _structures(args)
    result = generate(
        args.server,
        args.model,
        structures,
        load,
        timeout_seconds=args.timeout,
        credentials=credentials.credentials_of(args),
    )
    print(_printed(result, args.format))
    if result.interrupted:
        raise KeyboardInterrupt
    return 1 if result.errors else 0


def _printed(result: Result, format: str) -> str:
    return json.dumps(result.to_dict(), ensure_ascii=False, indent=2) if format == "json" else str(result)


def _structures(args: argparse.Namespace) -> Sequence[Structure]:
    if not args.files:
        with credentials.connect(args) as client:
            return synthetic(client.model(args.model).status.elements, MOLECULES)
    structures = []
    for name in args.files:
        for item in files.read(name, args.format_in):
            if isinstance(item, Failure):
                print(f"atomlens: {item}", file=sys.stderr)
            else:
                structures.append(item)
    if not structures:
        raise UnreadableFileError("there is no structure to ask about", reason="NO_SUCH_PART", field="files")
    return structures
