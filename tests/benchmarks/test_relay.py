"""Bytes on the wire."""

from __future__ import annotations

import socket

from benchmarks.relay import Relay


def test_bytes_are_counted_both_ways() -> None:
    """All bytes arrive, and as many are counted as were sent and answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = Relay(f"127.0.0.1:{listener.getsockname()[1]}")
        client = socket.create_connection(("127.0.0.1", int(relay.address.rpartition(":")[2])))
        server, _ = listener.accept()
        with client, server:
            client.sendall(b"x" * 1000)
            client.shutdown(socket.SHUT_WR)
            received = server.makefile("rb").read(1000)
            server.sendall(b"y" * 70_000)
            answered = client.makefile("rb").read(70_000)
        relay.close()
    assert (received, answered) == (b"x" * 1000, b"y" * 70_000)
    assert (relay.sent_bytes, relay.received_bytes) == (1000, 70_000)
