"""Settings: the list of what a server is started with, for those who read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, fields
from typing import Any

from atomlens.server.settings import PREFIX, ServerSettings
from atomlens.server.settings.setting import Concern

HEAD = """# Settings

Made by `make dashboards` of the classes in `server/atomlens/server/settings`; do not edit. A flag of
`atomlens serve` comes before its variable, and that before the default. Cost is atoms + pairs within the
cutoff."""
CONCERNS = [kind for kind in reversed(ServerSettings.__mro__) if issubclass(kind, Concern)]


def settings() -> str:
    """Return the document."""
    return "\n".join([HEAD, *(line for concern in CONCERNS for line in _section(concern))]) + "\n"


def _section(concern: type[Concern]) -> Iterator[str]:
    own = [one for one in fields(concern) if one.name in concern.__annotations__]
    if own:
        title = f"## {concern.__name__.removesuffix('Settings')}"
        yield from ("", title, "", str(concern.__doc__), "")
        yield from ("| flag | variable | default | what it is |", "|---|---|---|---|")
        yield from map(_row, own)


def _row(one: Field[Any]) -> str:
    flag, variable = one.name.replace("_", "-"), PREFIX + one.name.upper()
    return f"| `--{flag}` | `{variable}` | {_default(one.default)} | {one.metadata['help']} |"


def _default(value: Any) -> str:
    if value in (None, ""):
        return "–"
    return f"{value:,}" if isinstance(value, int) else str(value)
