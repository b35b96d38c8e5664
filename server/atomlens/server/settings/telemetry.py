"""What the server tells of itself, and where."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from atomlens.server.settings.setting import Concern, setting

LOG_FORMATS = ("text", "json")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOGGED_CALLS = ("all", "failed", "none")
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class TelemetrySettings(Concern):
    """Metrics, traces and logs."""

    metrics_address: str = setting(
        "",
        "HOST:PORT where Prometheus finds the metrics; PORT alone is on the loopback interface; "
        "none if empty",
        metavar="HOST:PORT",
    )
    otlp_endpoint: str = setting(
        "",
        "URL of an OpenTelemetry collector that traces go to over gRPC, http://HOST:4317 (extra `trace`); "
        "if empty, that of OTEL_EXPORTER_OTLP_ENDPOINT, or none",
        metavar="URL",
    )
    log_format: str = setting("text", "text or json: one line for each record", metavar="FORMAT")
    log_level: str = setting(
        "info", "debug, info, warning or error: what is logged at least", metavar="LEVEL"
    )
    log_calls: str = setting("all", "all, failed or none: calls that have a line in the log", metavar="WHICH")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.metrics_address and not re.fullmatch("[0-9]+", self.metrics_address):
            self._check_address("metrics_address")
        elif self.metrics_address and int(self.metrics_address) > 65535:
            raise ValueError(f"`metrics_address` must be HOST:PORT or PORT, got {self.metrics_address!r}")
        if self.otlp_endpoint:
            self._check_endpoint()
        self._check_one_of("log_format", LOG_FORMATS)
        self._check_one_of("log_level", LOG_LEVELS)
        self._check_one_of("log_calls", LOGGED_CALLS)

    @property
    def metrics_host_and_port(self) -> tuple[str, int] | None:
        """Where metrics are served, an IPv6 address without its brackets; None for nowhere."""
        if not self.metrics_address:
            return None
        host, _, port = self.metrics_address.rpartition(":")
        return host.removeprefix("[").removesuffix("]") or LOOPBACK, int(port)

    @property
    def logging_level(self) -> int:
        """The level as the library `logging` numbers it."""
        return logging.getLevelNamesMapping()[self.log_level.upper()]

    def _check_endpoint(self) -> None:
        try:
            parts = urlsplit(self.otlp_endpoint)
            known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            known = False
        if not known:
            raise ValueError(f"`otlp_endpoint` must be http(s)://HOST:PORT, got {self.otlp_endpoint!r}")

    def _check_one_of(self, name: str, choices: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in choices:
            raise ValueError(f"`{name}` must be {' or '.join(choices)}, got {value!r}")
