"""Ports: the gRPC servers of a process, with the options that all of their connections have."""

from __future__ import annotations

from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from atomlens.server.security.security import Security
from atomlens.server.services.health import LIVE, HealthServicer
from atomlens.server.services.unreadable import Forgiving
from atomlens.server.settings import ListeningSettings, ServerSettings

PING_INTERVAL_MS = 60_000  # that clients may send while nothing else is sent; more often is punished


def make_server(settings: ServerSettings) -> grpc.aio.Server:
    """Return a server without services.

    A connection that reaches its age takes no more calls, and those it has may go on: a stream that began
    last for as long as a connection may, and then for the time that accepted work has. The queue is bounded
    by what work costs once its message is read; how many are read at once is bounded here.
    """
    size, age = settings.max_message_mib * 2**20, settings.max_connection_age_seconds
    options = [
        ("grpc.max_receive_message_length", size),
        ("grpc.max_send_message_length", size),
        ("grpc.so_reuseport", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", PING_INTERVAL_MS),
    ]
    if age:
        grace = age + settings.grace_seconds
        options += [
            ("grpc.max_connection_age_ms", round(1e3 * age)),
            ("grpc.max_connection_age_grace_ms", round(1e3 * grace)),
        ]
    return grpc.aio.server(options=options, maximum_concurrent_rpcs=settings.max_calls)


class HealthPort:
    """A port with health alone, which probes of the platform ask in plain text; or none."""

    def __init__(self, settings: ListeningSettings, servicer: HealthServicer) -> None:
        self._wanted, self._servicer = settings.health_address, servicer
        self._server: grpc.aio.Server | None = None
        self.address = ""

    async def start(self) -> None:
        """Listen, where an address is given, and say that the process lives, whatever it serves.

        Raises:
            OSError: it cannot be listened on.
        """
        if not self._wanted:
            return
        await self._servicer.set(LIVE, health_pb2.HealthCheckResponse.SERVING)
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        services: Any = Forgiving(self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, services)
        self.address = listened("health_address", self._wanted, self._server)
        await self._server.start()

    async def stop(self) -> None:
        """Answer nobody any more."""
        if self._server is not None:
            await self._server.stop(None)


def listened(name: str, address: str, server: grpc.aio.Server, security: Security | None = None) -> str:
    """Have a server listen on an address, and return it with the port that it got.

    Raises:
        OSError: the address cannot be listened on.
    """
    try:
        port = security.listen(server, address) if security else server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"`{name}` {address} cannot be listened on") from error
    return f"{address.rpartition(':')[0]}:{port}"
