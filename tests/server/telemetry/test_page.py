"""`atomlens.server.telemetry.page`."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from atomlens.server.telemetry import page
from atomlens.server.telemetry.metrics import Metrics
from atomlens.server.telemetry.page import MetricsPage
from atomlens.server.telemetry.table import METRICS


@pytest.fixture
def metrics() -> Metrics:
    """Metrics that were told of one call."""
    metrics = Metrics()
    metrics.call_started("Explain")
    metrics.call_ended("Explain", "OK", "", 0.001)
    return metrics


@pytest.fixture
def served(metrics: Metrics) -> Iterator[MetricsPage]:
    """Those metrics on a free port."""
    served = MetricsPage(metrics.registry)
    served.start("127.0.0.1", 0)
    yield served
    served.stop()


def asked(address: str, accept: str = "*/*") -> str:
    """Return the page as a client reads it."""
    with urlopen(Request(f"http://{address}/metrics", headers={"Accept": accept}), timeout=10) as answer:
        return str(answer.read().decode())


def test_prometheus_reads_what_the_server_told(served: MetricsPage) -> None:
    """In its own format: every metric that is told has its help and its kind."""
    families = {one.name: one for one in parse(asked(served.address))}
    (calls,) = [one for one in families["atomlens_calls"].samples if one.name == "atomlens_calls_total"]
    assert (calls.labels, calls.value) == ({"method": "Explain", "code": "OK"}, 1.0)
    for metric in METRICS:
        if metric.kind != "live":
            family = families[metric.name.removesuffix("_total")]
            assert (family.type, family.documentation) == (metric.kind, metric.help)
    assert "process_resident_memory_bytes" in families


def test_openmetrics_reads_it_too(served: MetricsPage) -> None:
    """Whoever asks for that format gets it."""
    text = asked(served.address, "application/openmetrics-text; version=1.0.0")
    families = parse_openmetrics(text)  # type: ignore[no-untyped-call]
    assert "atomlens_calls" in {one.name for one in families}


def test_a_live_value_that_cannot_be_read_spoils_no_other(
    served: MetricsPage, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    """It is left out, and the log has the reason."""
    metrics.live("atomlens_queue_cost", lambda: 1 / 0)
    metrics.live("atomlens_ready", lambda: 1.0)
    text = asked(served.address)
    assert "atomlens_queue_cost " not in text
    assert "atomlens_ready 1.0" in text
    assert "the metric atomlens_queue_cost cannot be read" in caplog.text


def test_who_connects_and_says_nothing_keeps_nobody_waiting(
    served: MetricsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others are answered meanwhile, and the silent one is let go in the end."""
    monkeypatch.setattr(page._Handler, "timeout", 0.05)
    host, port = served.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as silent:
        assert "atomlens_calls_total" in asked(served.address)
        assert silent.recv(1) == b""


def test_nobody_listens_once_it_is_stopped(metrics: Metrics) -> None:
    """The port is free again, for a page that is started anew; stopping twice does nothing."""
    served = MetricsPage(metrics.registry)
    served.start("127.0.0.1", 0)
    port = int(served.address.split(":")[1])
    served.stop()
    served.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)
    served.start("127.0.0.1", port)
    assert "atomlens_calls_total" in asked(served.address)
    served.stop()


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6")
def test_an_address_may_be_of_ipv6(metrics: Metrics) -> None:
    """It is told as it stands in a URL."""
    served = MetricsPage(metrics.registry)
    try:
        served.start("::1", 0)
    except OSError:
        pytest.skip("there is no IPv6 loopback interface")
    assert "atomlens_calls_total" in asked(served.address)
    served.stop()


def test_a_port_that_is_taken_is_an_error_that_names_the_setting(served: MetricsPage) -> None:
    """Two servers cannot tell their metrics in one place."""
    other = MetricsPage(Metrics().registry)
    port = int(served.address.split(":")[1])
    with pytest.raises(OSError, match=rf"`metrics_address` 127.0.0.1:{port} cannot be listened on"):
        other.start("127.0.0.1", port)
    assert other.address == ""


def test_a_page_that_is_being_stopped_may_be_stopped(served: MetricsPage) -> None:
    """As it is by a server that is told a second time to leave."""
    server = served._server
    assert server is not None
    shutdown = server.shutdown

    def shutdown_meanwhile() -> None:
        served.stop()
        shutdown()

    server.shutdown = shutdown_meanwhile  # type: ignore[method-assign]
    served.stop()
    with pytest.raises(OSError, match="refused"):
        asked(served.address)
