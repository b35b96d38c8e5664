"""Load: what a server is asked, by how many and how often."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from atomlens.client.errors import InputError

Mode = Literal["unary", "batch", "stream", "stream-each"]
MODES: tuple[Mode, ...] = get_args(Mode)
STREAMS = ("stream", "stream-each")
MOST_CLIENTS = 1024


@dataclass(frozen=True, slots=True)
class Load:
    """How a server is asked.

    Without a rate the loop is closed: a client asks again once it is answered, so that a slow server is asked
    less. With one it is open: requests are due at fixed times, and their latency counts from then on.
    """

    mode: Mode = "unary"  # one structure a call, a batch a call, or one long call of either
    clients: int = 1  # each with a connection and a thread of its own
    rate: float | None = None  # requests a second of all clients together
    seconds: float = 10.0  # that are measured
    warm_up_seconds: float = 1.0  # before them
    batch: int = 64  # structures of a batch

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise InputError(f"`mode` must be one of {', '.join(MODES)}, got {self.mode!r}", field="mode")
        for name, most in (("clients", MOST_CLIENTS), ("batch", 2048)):
            if not 1 <= getattr(self, name) <= most:
                raise InputError(f"`{name}` must be 1 to {most}, got {getattr(self, name)}", field=name)
        if not 0 < self.seconds < math.inf:
            raise InputError(f"`seconds` must be positive, got {self.seconds:g}", field="seconds")
        if not 0 <= self.warm_up_seconds < math.inf:
            message = f"`warm_up_seconds` must not be negative, got {self.warm_up_seconds:g}"
            raise InputError(message, field="warm_up_seconds")
        self._check_rate()

    def _check_rate(self) -> None:
        if self.rate is None:
            return
        if not 0 < self.rate < math.inf:
            raise InputError(f"`rate` must be positive, got {self.rate:g}", field="rate")
        if self.mode in STREAMS:
            rule = "`rate` is for unary and batch: a stream takes structures as fast as it is answered"
            raise InputError(rule, field="rate")
