"""Settings of the server: flags first, then environment variables, then the defaults written here."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from atomlens.server.cpus import available_cpus
from atomlens.server.limits import Limits
from atomlens.server.session import Provider

PREFIX = "ATOMLENS_"
KINDS: dict[str, type[str] | type[float]] = {
    "address": str,
    "provider": str,
    "grace_seconds": float,
    "max_probe_extent_angstrom": float,
    "probe_patience_seconds": float,
}
POSITIVE = (
    "batch_cost",
    "max_structure_cost",
    "max_queue_cost",
    "window_cost",
    "max_probe_points",
    "max_probe_extent_angstrom",
    "probe_streams",
    "probe_patience_seconds",
    "max_message_mib",
)
MOST_MIB = 2047  # gRPC counts the bytes of a message in 31 bits
DEFAULT_ADDRESS = "127.0.0.1:50551"


def _setting(default: Any, text: str, **more: Any) -> Any:
    return field(default=default, metadata={"help": text, **more})


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What a server is started with. Cost is atoms + pairs within the cutoff."""

    address: str = _setting(DEFAULT_ADDRESS, "HOST:PORT to listen on; port 0 takes a free one")
    models: Path | None = _setting(None, "directory of models, MODEL/VERSION; the bundled ones if not given")
    provider: str = _setting("cpu", "cpu, cuda or cuda-tf32; a provider that is not to be had is an error")
    workers: int = _setting(0, "batches computed at once; 0 takes one for each core the process may use")
    batch_cost: int = _setting(Limits().batch_cost, "cost at which a batch is closed")
    max_structure_cost: int = _setting(Limits().max_structure_cost, "cost above which a structure is refused")
    max_queue_cost: int = _setting(20_000_000, "cost that may wait; beyond it calls are refused")
    window_cost: int = _setting(1_000_000, "unanswered cost of a stream above which the server stops reading")
    max_probe_points: int = _setting(Limits().max_probe_points, "points above which a probe is refused")
    max_probe_extent_angstrom: float = _setting(
        Limits().max_probe_extent_angstrom, "length in Å along an axis above which a probe's grid is refused"
    )
    probe_streams: int = _setting(8, "probes answered at once, each with 30 MiB of buffers at most")
    probe_patience_seconds: float = _setting(
        600.0, "time without reading after which a probe is ended, to be taken up again by its client"
    )
    context_cache_mib: int = _setting(64, "memory in MiB for what probes feel of structures probed lately")
    max_message_mib: int = _setting(16, "size of the largest message in MiB")
    grace_seconds: float = _setting(30.0, "time that accepted work has to finish after SIGTERM")

    def __post_init__(self) -> None:
        host, _, port = self.address.rpartition(":")
        if not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
            raise ValueError(f"`address` must be HOST:PORT, got {self.address!r}")
        if self.provider not in get_args(Provider):
            raise ValueError(f"`provider` must be {' or '.join(get_args(Provider))}, got {self.provider!r}")
        for name in POSITIVE:
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"`{name}` must be positive, got {getattr(self, name)}")
        if self.max_message_mib > MOST_MIB:
            raise ValueError(f"`max_message_mib` must be at most {MOST_MIB}, got {self.max_message_mib}")
        for name in ("workers", "grace_seconds", "context_cache_mib"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"`{name}` must be finite and not negative, got {getattr(self, name)}")

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
                values[one.name] = _parsed(one.name, text)
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

    @property
    def threads(self) -> int:
        """Batches computed at once."""
        return self.workers or available_cpus()


def _parsed(name: str, text: str) -> Any:
    """Return a variable's value in the type of the setting's default."""
    if name == "models":
        return Path(text)
    kind: type[str] | type[int] | type[float] = KINDS.get(name, int)
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"`{PREFIX}{name.upper()}` must be {kind.__name__}, got {text!r}") from None
