"""`atomlens.server.settings.telemetry`."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from atomlens.server.settings import TelemetrySettings


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("", None),
        ("9464", ("127.0.0.1", 9464)),
        ("0", ("127.0.0.1", 0)),
        ("0.0.0.0:9464", ("0.0.0.0", 9464)),
        ("[::1]:9464", ("::1", 9464)),
        ("localhost:1", ("localhost", 1)),
    ],
)
def test_metrics_are_on_the_loopback_interface_unless_a_host_is_named(
    address: str, meant: tuple[str, int] | None
) -> None:
    """And nowhere by default."""
    assert TelemetrySettings(metrics_address=address).metrics_host_and_port == meant
    assert TelemetrySettings().metrics_host_and_port is None


@pytest.mark.parametrize("endpoint", ["http://localhost:4317", "https://[::1]:4317", "http://collector"])
def test_traces_go_to_a_url(endpoint: str) -> None:
    """With or without encryption; and nowhere by default."""
    assert TelemetrySettings(otlp_endpoint=endpoint).otlp_endpoint == endpoint
    assert not TelemetrySettings().otlp_endpoint


def test_levels_are_those_of_the_library() -> None:
    """The level is a number that it compares."""
    assert TelemetrySettings(log_level="warning").logging_level == logging.WARNING
    assert TelemetrySettings().logging_level == logging.INFO


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics_address": "localhost"}, "`metrics_address` must be HOST:PORT, got 'localhost'"),
        ({"metrics_address": ":9464"}, "`metrics_address` must be HOST:PORT, got ':9464'"),
        ({"metrics_address": "65536"}, "`metrics_address` must be HOST:PORT or PORT, got '65536'"),
        ({"metrics_address": "²"}, "`metrics_address` must be HOST:PORT, got '²'"),
        ({"otlp_endpoint": "localhost:4317"}, r"`otlp_endpoint` must be http\(s\)://HOST:PORT, got"),
        ({"otlp_endpoint": "http://"}, "`otlp_endpoint` must be"),
        ({"otlp_endpoint": "http://a:0"}, "`otlp_endpoint` must be"),
        ({"otlp_endpoint": "http://a:99999"}, "`otlp_endpoint` must be"),
        ({"otlp_endpoint": "http://[a"}, "`otlp_endpoint` must be"),
        ({"log_format": "xml"}, "`log_format` must be text or json, got 'xml'"),
        ({"log_level": "INFO"}, "`log_level` must be debug or info or warning or error, got 'INFO'"),
        ({"log_calls": "some"}, "`log_calls` must be all or failed or none, got 'some'"),
    ],
)
def test_errors_name_the_setting(changes: dict[str, Any], message: str) -> None:
    """And what it must be, and what came."""
    with pytest.raises(ValueError, match=message):
        TelemetrySettings(**changes)
