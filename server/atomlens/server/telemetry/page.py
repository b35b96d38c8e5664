"""Page: the metrics over HTTP, on an address of their own, as Prometheus asks for them."""

from __future__ import annotations

import logging
import socket
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

PATIENCE_SECONDS = 10.0  # with somebody who connects and says nothing
POLL_SECONDS = 0.1  # after which a page that is to stop does
log = logging.getLogger(__name__)


class MetricsPage:
    """What a registry holds, behind an address until it is stopped."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._server: WSGIServer | None = None
        self.address = ""

    def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one. `address` tells where.

        Raises:
            OSError: the address cannot be listened on.
        """
        kind = _Server6 if ":" in host else _Server
        try:
            server = make_server(host, port, make_wsgi_app(self._registry), kind, _Handler)
        except OSError as error:
            raise OSError(f"`metrics_address` {host}:{port} cannot be listened on: {error}") from error
        self.address = f"[{host}]:{server.server_port}" if ":" in host else f"{host}:{server.server_port}"
        self._server = server
        self._thread = Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Listen no more; does nothing where nobody listens, or somebody else is at it."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            self._thread.join()


class _Server(ThreadingWSGIServer):
    def server_bind(self) -> None:
        """Bind without asking who this machine is, which may take the name service seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Leave those who left, or said nothing, without a word on the error stream."""
        log.debug("a request for metrics failed", exc_info=True)


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: Prometheus asks often."""
