"""Credentials of the command line: flags first, then environment variables."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from atomlens.client.client import Client
from atomlens.client.credentials import Credentials, Tls
from atomlens.client.errors import InputError
from atomlens.client.transport import GrpcTransport

TOKEN = "ATOMLENS_TOKEN"
VARIABLES = {
    "token_file": "ATOMLENS_TOKEN_FILE",
    "tls_ca": "ATOMLENS_SERVER_CA",
    "tls_cert": "ATOMLENS_CLIENT_CERT",
    "tls_key": "ATOMLENS_CLIENT_KEY",
}
FILES = ("tls_ca", "tls_cert", "tls_key", "tls_name")
FLAGS = ("tls", *FILES, "token_file", "insecure_token")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command trusts and proves itself with."""
    proof = parser.add_argument_group(
        "how the server is trusted and asked",
        f"Variables in place of flags: {', '.join(VARIABLES.values())},\nand {TOKEN}, the token itself.",
    )
    proof.add_argument(
        "--tls", action=argparse.BooleanOptionalAction, help="encrypt; any of --tls-... does so as well"
    )
    for name, metavar, text in (
        ("ca", "PEM", "CA that the server's certificate comes from; the public ones if not given"),
        ("cert", "PEM", "certificate to show a server that asks for one"),
        ("key", "PEM", "key of that certificate"),
        ("name", "HOST", "name in the server's certificate, where it is reached by another"),
    ):
        proof.add_argument(f"--tls-{name}", metavar=metavar, help=text)
    proof.add_argument("--token-file", type=Path, metavar="FILE", help="file that the token is in")
    proof.add_argument(
        "--insecure-token",
        action="store_true",
        help="send the token without TLS, to other machines too: where nobody can read what is sent",
    )


def check_unused(args: argparse.Namespace) -> None:
    """Raise `InputError` for flags of a connection where there is none."""
    for name in FLAGS:
        if getattr(args, name):
            flag = name.replace("_", "-")
            raise InputError(f"`--{flag}` is for a server, leave it out without `--server`")


def credentials_of(args: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Credentials:
    """Return what the flags and variables say."""
    found = {name: getattr(args, name) or environment.get(variable) for name, variable in VARIABLES.items()}
    token = None if args.token_file else environment.get(TOKEN) or None
    file = found["token_file"]
    return Credentials(
        None if args.tls is False else _tls(args, found),
        token or (Path(file) if file else None),
        args.insecure_token,
    )


def connect(args: argparse.Namespace) -> Client:
    """Return a client of the server that is named, for commands with `--server` and `--timeout`."""
    transport = GrpcTransport(args.server, credentials=credentials_of(args))
    return Client(timeout_seconds=args.timeout, transport=transport)


def _tls(args: argparse.Namespace, found: Mapping[str, str | None]) -> Tls | None:
    if not (args.tls or args.tls_name or found["tls_ca"] or found["tls_cert"] or found["tls_key"]):
        return None
    return Tls(found["tls_ca"], found["tls_cert"], found["tls_key"], args.tls_name or "")
