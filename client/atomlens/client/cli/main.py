"""Main: the parser of all commands, and what their errors look like."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from atomlens.client.errors import AtomLensError, InputError, MissingExtraError

# Each is a module of this package with add_parser(commands) and run(args), imported when it is called for.
COMMANDS = {
    "explain": "explain what models predict, atom by atom",
    "models": "list models, or show what one is",
    "serve": "run the server (extra `server`)",
    "train": "train a network (extra `export`)",
    "export": "make a model of a checkpoint (extra `export`)",
    "verify": "check a model's files and numbers (extra `server`)",
}
EXTRAS = {
    "torch": "export",
    "onnx": "export",
    "onnxscript": "export",
    "onnxruntime": "server",
    "grpc_health": "server",
    "grpc_reflection": "server",
    "ase": "report",
    "pandas": "report",
}
EPILOG = """`atomlens COMMAND --help` explains a command.

exit codes:
  0  everything asked for was done
  1  some structures failed; the rest are answered
  2  the command line, a file or a setting is wrong
  3  the server or a model cannot be reached or used
  4  an extra that the command needs is not installed
130  interrupted
141  whoever read the output has left"""
FAILED, WRONG, UNUSABLE, NOT_INSTALLED, INTERRUPTED, NOBODY_READS = 1, 2, 3, 4, 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        args = _parser(words[0] if words else "").parse_args(words)
        code = int(args.run(args))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except MissingExtraError as error:
        return _say(error, NOT_INSTALLED)
    except AtomLensError as error:
        return _say(error, WRONG if isinstance(error, InputError) else UNUSABLE)
    except BrokenPipeError:
        # What is still buffered would fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").split(".")[0])
        if extra is None:
            raise
        return _say(MissingExtraError(extra, "this command"), NOT_INSTALLED)
    except (ValueError, OSError) as error:
        return _say(error, WRONG)


def _parser(command: str) -> argparse.ArgumentParser:
    """Return the parser of all commands, where only the one that is called for knows its arguments."""
    parser = argparse.ArgumentParser(
        prog="atomlens",
        description="Explain what atomistic neural networks predict by the contribution of every atom.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, purpose in COMMANDS.items():
        if name == command:
            importlib.import_module(f"atomlens.client.cli.{name}").add_parser(commands)
        else:
            commands.add_parser(name, help=purpose)
    return parser


def _say(error: Exception, code: int) -> int:
    print(f"atomlens: {' '.join(str(error).split())}", file=sys.stderr)
    return code
