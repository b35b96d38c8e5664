"""`ops.settings`."""

from __future__ import annotations

from dataclasses import fields

from atomlens.server.settings import ServerSettings
from ops.settings import settings


def test_every_setting_has_one_line() -> None:
    """With its flag, its variable, its default and what it is."""
    lines = [line.split(" | ") for line in settings().splitlines() if line.startswith("| `--")]
    assert len(lines) == len(fields(ServerSettings))
    for one in fields(ServerSettings):
        flag = f"| `--{one.name.replace('_', '-')}`"
        ((_, variable, default, text),) = [line for line in lines if line[0] == flag]
        assert variable == f"`ATOMLENS_{one.name.upper()}`"
        assert default.replace(",", "") == ("–" if one.default in (None, "") else str(one.default))
        assert text == f"{one.metadata['help']} |"
