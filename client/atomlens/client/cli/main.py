"""Main: the parser of all commands, and what their errors look like."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from atomlens.client.errors import AtomLensError, InputError, MissingExtraError

# Each is a module of this package with add_parser(commands) and run(args), imported when it is called for.
COMMANDS = {
    "explain": "explain what models predict, atom by atom",
    "models": "list models, or show what one is",
    "probe": "show what a model says of a probe atom around a structure",
    "report": "write a page that shows what models say of a structure (extra `report`)",
    "embedding": "show what a model learned of the elements",
    "study": "test what models explain against data (extra `study`)",
    "token": "make a token for who may ask a server",
    "serve": "run the server (extra `server`)",
    "health": "ask a server whether it serves (extra `server`)",
    "bench": "put a load on a server and tell how it fares",
    "train": "train a network (extra `export`)",
    "export": "make a model of a checkpoint (extra `export`)",
    "verify": "check a model's files and numbers (extra `server`)",
}
# The modules of each extra, and the extra whose modules a command needs first of all.
EXTRAS = {
    "report": ("ase", "pandas", "matplotlib", "plotly", "skimage"),
    "server": ("onnxruntime", "grpc_health", "grpc_reflection", "cryptography"),
    "export": ("torch", "onnx", "onnxscript", "ase"),
    "study": ("rdkit", "scipy", "matplotlib", "ase"),
}
OWN_EXTRAS = {"train": "export", "export": "export", "verify": "server", "study": "study"}
EPILOG = """`atomlens COMMAND --help` explains a command.

exit codes:
  0  everything asked for was done
  1  some structures failed; the rest are answered
  2  the command line, a file or a setting is wrong
  3  the server or a model cannot be reached or used
  4  an extra that the command needs is not installed
130  interrupted
141  whoever read the output has left"""
WRONG, UNUSABLE, NOT_INSTALLED, INTERRUPTED, NOBODY_READS = 2, 3, 4, 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = words[0] if words else ""
    try:
        args = _arguments(command, words)
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
        extra = _extra(command, (error.name or "").split(".")[0])
        if extra is None:
            raise
        return _say(MissingExtraError(extra, "this command"), NOT_INSTALLED)
    except (ValueError, OSError) as error:
        return _say(error, WRONG)


def _arguments(command: str, words: Sequence[str]) -> argparse.Namespace:
    """Return what the command line says; a command's options may stand anywhere among its files.

    They may not where ``--`` ends them, which `argparse` would forget when it goes over the words twice.
    """
    parser = _parser(command)
    if command not in COMMANDS:
        return parser.parse_args(words)
    return parser.parse_args(words[1:]) if "--" in words else parser.parse_intermixed_args(words[1:])


def _parser(command: str) -> argparse.ArgumentParser:
    """Return the parser of a command, whose module alone is imported, else that of all commands."""
    parser = argparse.ArgumentParser(
        prog="atomlens",
        description="Explain what atomistic neural networks predict by the contribution of every atom.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    if command in COMMANDS:
        importlib.import_module(f"atomlens.client.cli.{command}").add_parser(commands)
        own: argparse.ArgumentParser = commands.choices[command]
        return own
    parser.add_argument("-V", "--version", action="version", version=f"atomlens {version('atomlens')}")
    for name, purpose in COMMANDS.items():
        commands.add_parser(name, help=purpose)
    return parser


def _extra(command: str, module: str) -> str | None:
    """Return the extra that a module is missing of, the command's own before others."""
    own = OWN_EXTRAS.get(command, "")
    if module in EXTRAS.get(own, ()):
        return own
    return next((extra for extra, modules in EXTRAS.items() if module in modules), None)


def _say(error: Exception, code: int) -> int:
    print(f"atomlens: {' '.join(str(error).split())}", file=sys.stderr)
    return code
