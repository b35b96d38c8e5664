"""The command line: `atomlens COMMAND ...`."""

from atomlens.client.cli.main import main

__all__ = ["main"]
