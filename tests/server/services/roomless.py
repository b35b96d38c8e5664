"""A client without room: it calls, and takes no byte of an answer, as no library would."""

from __future__ import annotations

import socket
import struct

SETTINGS, HEADERS, DATA = 4, 1, 0  # kinds of HTTP/2's frames
NO_WINDOW = struct.pack(">HI", 4, 0)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
END_STREAM, END_HEADERS = 1, 4


def call(address: str, method: str, message: bytes = b"") -> socket.socket:
    """Call /SERVICE/METHOD with one message; the call lasts as long as the connection is open."""
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": method,
        ":authority": "localhost",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    packed = b"".join(b"\0" + _text(name) + _text(value) for name, value in headers.items())
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(
        PREFACE
        + _frame(SETTINGS, 0, 0, NO_WINDOW)
        + _frame(HEADERS, END_HEADERS, 1, packed)
        + _frame(DATA, END_STREAM, 1, b"\0" + len(message).to_bytes(4, "big") + message)
    )
    return connection


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode()
