"""Main: the parser of all commands, and what their errors look like."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from atomlens.client.cli import train

COMMANDS = (train,)
EPILOG = """exit codes:
  0  everything asked for was done
  1  some structures failed; the rest are answered
  2  the command line, a file or a setting is wrong
  3  the server or a model cannot be reached or used
  4  an extra that the command needs is not installed
130  interrupted"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="atomlens",
        description="Explain what atomistic neural networks predict.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    args = parser.parse_args(arguments)
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        return 130
    except ValueError as error:
        print(f"atomlens: {error}", file=sys.stderr)
        return 2
