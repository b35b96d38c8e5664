"""`atomlens serve`: models behind an address."""

from __future__ import annotations

import argparse
from dataclasses import Field, fields
from typing import Any

from atomlens.client.local import engine_errors

DESCRIPTION = """Serve models over gRPC until SIGTERM or SIGINT, then finish what was accepted."""
EPILOG = """Every flag has an environment variable, ATOMLENS_ADDRESS for --address and so on; the flag wins.
Without settings the server listens on the loopback interface alone."""


def add_parser(commands: Any) -> None:
    """Declare a flag for each setting of the server."""
    with engine_errors():
        from atomlens.server.settings import ServerSettings

    parser = commands.add_parser(
        "serve", help="run the server (extra `server`)", description=DESCRIPTION, epilog=EPILOG
    )
    for setting in fields(ServerSettings):
        _add_flag(parser, setting)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    with engine_errors():
        from atomlens.server.process import serve
        from atomlens.server.settings import ServerSettings

        names = [setting.name for setting in fields(ServerSettings)]
        return serve(ServerSettings.from_environment({name: getattr(args, name) for name in names}))


def _add_flag(parser: argparse.ArgumentParser, setting: Field[Any]) -> None:
    from atomlens.server.settings.setting import parser as value_parser

    default = "" if setting.default in (None, "") else f" (default {setting.default})"
    parser.add_argument(
        f"--{setting.name.replace('_', '-')}",
        type=value_parser(setting),
        metavar=setting.metadata["metavar"],
        help=setting.metadata["help"] + default,
    )
