"""Counted messages."""

from __future__ import annotations

from atomlens.client import Client
from atomlens.client.bench.counting import CountingTransport
from atomlens.client.testing import RunningServer
from tests.client.conftest import MODELS, WATER


def test_calls_and_streams_are_counted(server: RunningServer) -> None:
    """Bytes grow by what is asked and answered, and a stream's structures take about what a batch's do."""
    transport = CountingTransport(server.address)
    with Client(transport=transport) as client:
        client.explain_batch([WATER] * 100, MODELS[0])
        batch = (transport.sent_bytes, transport.received_bytes)
        list(client.stream([WATER] * 100, MODELS[0]))
    sent, received = transport.sent_bytes - batch[0], transport.received_bytes - batch[1]
    assert batch[0] > 100 * (4 + 3 * 25)  # counts, numbers and positions
    assert 0.9 < sent / batch[0] < 1.3
    assert 0.9 < received / batch[1] < 1.3
