"""Relay: a wire between a client and a server that counts the bytes on it."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

CHUNK_BYTES = 2**16


class Relay:
    """Passes what comes to its address on to a server and back, and counts the payload of TCP."""

    def __init__(self, server: str) -> None:
        host, _, port = server.rpartition(":")
        self._server = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.sent_bytes = self.received_bytes = 0  # by the client
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        """Pass on what both sides say until both have nothing more to say."""
        with client, socket.create_connection(self._server) as server:
            back = threading.Thread(target=self._pass, args=(server, client, "received_bytes"), daemon=True)
            back.start()
            self._pass(client, server, "sent_bytes")
            back.join()

    def _pass(self, source: socket.socket, sink: socket.socket, counter: str) -> None:
        with suppress(OSError):  # one of them has left
            while chunk := source.recv(CHUNK_BYTES):
                setattr(self, counter, getattr(self, counter) + len(chunk))
                sink.sendall(chunk)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
