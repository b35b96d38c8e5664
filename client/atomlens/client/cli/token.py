"""`atomlens token`: a token for somebody who may ask a server."""

from __future__ import annotations

import argparse
import os
import re
import secrets
from hashlib import sha256
from typing import Any

from atomlens.client.errors import InputError

DESCRIPTION = """Make a random token. It is shown once: give it to who is to use it. A server knows its
SHA-256: a line in the file that `atomlens serve --tokens FILE` names, and reads again when it changes."""
EPILOG = """scopes:
  explain  explain structures, list models and show them
  probe    probe
  admin    have the server look for new models

examples:
  atomlens token ada
  atomlens token ada --output ada.token >> tokens
  atomlens explain water.xyz --server HOST:50551 --tls --token-file ada.token

A name may have several tokens: add the new one, hand it out, then take the old one out of the file."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
SCOPES = ("explain", "probe", "admin")
SECRET_BYTES = 32


def add_parser(commands: Any) -> None:
    """Declare the command's arguments."""
    parser = commands.add_parser(
        "token",
        help="make a token for who may ask a server",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help="of who gets the token, as limits of a server know it")
    parser.add_argument(
        "--scopes", default="explain,probe", metavar="SCOPES", help="what it allows (explain,probe)"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write the token to this new file instead of showing it",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the token, unless it goes to a file, and the line for the server.

    Raises:
        InputError: name or scopes break a rule.
        OSError: the file is there already, or cannot be written.
    """
    scopes = _scopes(args.scopes)
    if not NAME.fullmatch(args.name):
        raise InputError("`NAME` must be at most 64 letters, digits and `.`, `_`, `@`, `-`", field="name")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    line = f"{args.name} {','.join(scopes)} {sha256(secret.encode()).hexdigest()}"
    if args.output:
        _write(args.output, secret)
        print(line)
    else:
        print(f"token, not shown again: {secret}\nline for the server:    {line}")
    return 0


def _scopes(text: str) -> list[str]:
    given = text.split(",")
    if not set(given) <= set(SCOPES):
        raise InputError(
            f"`--scopes` must be {', '.join(SCOPES)}, joined by commas, got {text!r}", field="scopes"
        )
    return [scope for scope in SCOPES if scope in given]


def _write(path: str, secret: str) -> None:
    """Write a file that nobody else may read, from the moment it is made."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{secret}\n")
