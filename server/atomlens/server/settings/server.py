"""Settings of the server: flags first, then environment variables, then the defaults of each concern."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from difflib import get_close_matches
from typing import Any

from atomlens.server.limits import Limits
from atomlens.server.settings.leaving import LeavingSettings
from atomlens.server.settings.listening import ListeningSettings
from atomlens.server.settings.models import ModelsSettings
from atomlens.server.settings.probing import ProbingSettings
from atomlens.server.settings.queueing import QueueingSettings
from atomlens.server.settings.security import SecuritySettings
from atomlens.server.settings.setting import parser
from atomlens.server.settings.telemetry import LOOPBACK, TelemetrySettings

PREFIX = "ATOMLENS_"
CLOSE = 0.9  # how alike a variable and a setting are, of 1, that one may be meant for the other
ADDRESSES = ("address", "health_address", "metrics_address")


@dataclass(frozen=True, kw_only=True)
class ServerSettings(
    LeavingSettings,  # fields come in the order from the last to the first
    TelemetrySettings,
    SecuritySettings,
    ProbingSettings,
    QueueingSettings,
    ModelsSettings,
    ListeningSettings,
):
    """What a server is started with."""

    def __post_init__(self) -> None:
        super().__post_init__()
        taken: dict[str, str] = {}  # by which setting
        for name in ADDRESSES:
            host, _, port = getattr(self, name).rpartition(":")
            where = f"{host or LOOPBACK}:{port}"
            if int(port or 0) and taken.setdefault(where, name) != name:  # 0 takes a free one
                raise ValueError(f"`{name}` must not be that of `{taken[where]}`, got {where!r}")

    @classmethod
    def from_environment(
        cls, overrides: Mapping[str, Any], environment: Mapping[str, str] = os.environ
    ) -> ServerSettings:
        """Return settings from ATOMLENS_ADDRESS and its like, where ``overrides`` says nothing.

        Raises:
            ValueError: a value has the wrong form; the message names it.
        """
        values = {name: value for name, value in overrides.items() if value is not None}
        for one in fields(cls):
            text = environment.get(PREFIX + one.name.upper())
            if one.name not in values and text:
                values[one.name] = _parsed(one, text)
        return cls(**values)

    @property
    def limits(self) -> Limits:
        """The engine's limits."""
        return Limits(
            max_structure_cost=self.max_structure_cost,
            max_request_cost=self.max_queue_cost,
            batch_cost=self.batch_cost,
            max_probe_points=self.max_probe_points,
            max_probe_extent_angstrom=self.max_probe_extent_angstrom,
        )


def misspelled(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that are no setting and look like one, with the one that may be meant."""
    known = [PREFIX + one.name.upper() for one in fields(ServerSettings)]
    others = [name for name in environment if name.startswith(PREFIX) and name not in known]
    meant = {name: get_close_matches(name, known, 1, CLOSE) for name in others}
    return {name: found[0] for name, found in meant.items() if found}


def _parsed(one: Field[Any], text: str) -> Any:
    """Return a variable's value in the type of the setting."""
    try:
        return parser(one)(text)
    except ValueError:
        kind = one.metadata["kind"].__name__
        raise ValueError(f"`{PREFIX}{one.name.upper()}` must be {kind}, got {text!r}") from None
